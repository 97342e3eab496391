"""etcdctl, the tool that etcd's operators use: every subcommand that applies.

`--etcdctl PATH` says which one. `CHECK_PERF=1` in the environment adds `check perf`, which takes a
minute.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from tally import MEMBERS, NotApplicable, arguments, case, name, refused, run, same, until


class Failed(Exception):
    """The command ended with an error; the text is what it said."""


class Running:
    """A command that goes on; its output is kept as lines."""

    def __init__(self, command, environment):
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.process = subprocess.Popen(command, env=environment, text=True, **pipes)
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, *lines, seconds=10):
        until(lambda: len(self.lines) >= len(lines) or self.process.poll() is not None, seconds)
        same(self.lines[: len(lines)], list(lines))

    def end(self):
        self.process.terminate()
        return self.process.wait(10)


class Stage:
    def __init__(self, binary, endpoints):
        self.binary, self.endpoints = binary, endpoints
        self.environment = dict(os.environ, ETCDCTL_API="3")
        self.version = self.ctl("version").split()[2]

    def command(self, *arguments, endpoints=None):
        return [self.binary, f"--endpoints={','.join(endpoints or self.endpoints)}", *arguments]

    def ctl(self, *arguments, typed=None, endpoints=None):
        done = subprocess.run(
            self.command(*arguments, endpoints=endpoints),
            env=self.environment, input=typed, capture_output=True, text=True, timeout=30,
        )
        if done.returncode:
            raise Failed(done.stdout + done.stderr)
        return done.stdout

    def json(self, *arguments, **options):
        return json.loads(self.ctl(*arguments, "-w", "json", **options))

    def start(self, *arguments):
        return Running(self.command(*arguments), self.environment)

    def lease(self, seconds=60):
        # lease 32695410dcc0ca06 granted with TTL(60s)
        return self.ctl("lease", "grant", str(seconds)).split()[1]


@case
def put_get_del(stage):
    key = name()
    same(stage.ctl("put", key, "1"), "OK\n")
    same(stage.ctl("put", key, "2", "--prev-kv"), f"OK\n{key}\n1\n")
    same(stage.ctl("put", key, typed="from the input"), "OK\n")
    same(stage.ctl("get", key), f"{key}\nfrom the input\n")
    same(stage.ctl("get", key, "--print-value-only"), "from the input\n")
    kv = stage.json("get", key)["kvs"][0]
    same((kv["version"], kv["mod_revision"] - kv["create_revision"]), (3, 2))
    same(stage.ctl("get", key, f"--rev={kv['create_revision']}", "--print-value-only"), "1\n")
    same(stage.ctl("del", key, "--prev-kv"), f"1\n{key}\nfrom the input\n")
    same(stage.ctl("del", key), "0\n")
    refused(Failed, "key not found", lambda: stage.ctl("put", key, "--ignore-value"))


@case
def get_ranges(stage):
    key = name()
    for at in range(4):
        stage.ctl("put", f"{key}/{at}", str(9 - at))
    lines = lambda *options: stage.ctl("get", key, "--print-value-only", *options).split()
    same(lines("--prefix"), ["9", "8", "7", "6"])
    same(lines("--prefix", "--order=DESCEND", "--sort-by=KEY"), ["6", "7", "8", "9"])
    same(lines("--prefix", "--order=ASCEND", "--sort-by=VALUE", "--limit=2"), ["6", "7"])
    same(len(lines("--prefix", "--consistency=s")), 4)
    same(stage.ctl("get", f"{key}/1", f"{key}/3", "--print-value-only"), "8\n7\n")
    same(stage.ctl("get", f"{key}/3", "--from-key", "--limit=1", "--keys-only").split(), [f"{key}/3"])
    if not stage.version.startswith("3.4"):
        assert '"Count" : 4' in stage.ctl("get", key, "--prefix", "--count-only", "-w", "fields")
    fields = stage.ctl("get", f"{key}/0", "-w", "fields")
    assert '"Count" : 1' in fields and '"ClusterID"' in fields, fields
    same(stage.ctl("del", key, "--prefix"), "4\n")


@case
def txn_reads_its_input(stage):
    key = name()
    stage.ctl("put", key, "1")
    typed = f'value("{key}") = "1"\nversion("{key}") > "0"\n\nput {key} "2"\nget {key}\n\nget {key}\n\n'
    same(stage.ctl("txn", typed=typed), f"SUCCESS\n\nOK\n\n{key}\n2\n")
    same(stage.ctl("txn", typed=typed), f"FAILURE\n\n{key}\n2\n")
    asked = stage.ctl("txn", "-i", typed=f'mod("{key}") > "0"\n\ndel {key}\n\n\n')
    assert asked.startswith("compares:") and "SUCCESS\n\n1\n" in asked, asked
    twice = f"\nput {key} 1\nput {key} 2\n\n\n"
    refused(Failed, "duplicate key", lambda: stage.ctl("txn", typed=twice))


@case
def compaction_forgets(stage):
    key = name()
    first = stage.json("put", key, "1")["header"]["revision"]
    second = stage.json("put", key, "2")["header"]["revision"]
    same(stage.ctl("compaction", str(second)), f"compacted revision {second}\n")
    refused(Failed, "has been compacted", lambda: stage.ctl("get", key, f"--rev={first}"))
    refused(Failed, "has been compacted", lambda: stage.ctl("compaction", str(second)))
    third = stage.json("put", key, "3")["header"]["revision"]
    same(stage.ctl("compact", str(third), "--physical"), f"compacted revision {third}\n")
    done = stage.start("watch", key, f"--rev={first}")
    until(lambda: done.process.poll() is not None)
    assert any("compacted" in line for line in done.lines), done.lines


@case
def watch_prints_events(stage):
    key = name()
    first = stage.json("put", key, "1")["header"]["revision"]
    watch = stage.start("watch", key, "--prefix", "--prev-kv", f"--rev={first}")
    stage.ctl("put", key, "2")
    stage.ctl("del", key)
    watch.expect("PUT", key, "1", "PUT", key, "1", key, "2", "DELETE", key, "2", key, "")
    watch.end()


@case
def watch_takes_commands_and_reports_progress(stage):
    one, other = name(), name()
    watch = stage.start("watch", "-i")
    watch.say(f"watch {one}")
    watch.say(f"watch {other}")
    time.sleep(0.5)
    stage.ctl("put", one, "1")
    watch.expect("PUT", one, "1")
    stage.ctl("put", other, "2")
    watch.expect("PUT", one, "1", "PUT", other, "2")
    revision = stage.json("put", name(), "3")["header"]["revision"]

    def reported():
        watch.say("progress")
        time.sleep(0.2)
        return any(line == f"progress notify: {revision}" for line in watch.lines)

    until(reported)
    watch.end()


@case
def watch_runs_a_command(stage):
    key = name()
    shell = 'echo "$ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_VALUE"'
    revision = stage.json("put", key, "1")["header"]["revision"]
    watch = stage.start("watch", key, f"--rev={revision}", "--", "sh", "-c", shell)
    watch.expect("PUT", key, "1", '"PUT" "1"')
    watch.end()


@case
def lease_grant_timetolive_list_revoke(stage):
    key, lease = name(), stage.lease()
    stage.ctl("put", key, "1", f"--lease={lease}")
    told = stage.ctl("lease", "timetolive", lease, "--keys")
    assert told.startswith(f"lease {lease} granted with TTL(60s), remaining("), told
    assert f"attached keys([{key}])" in told, told
    until(lambda: lease in stage.ctl("lease", "list"))
    same(stage.ctl("lease", "revoke", lease), f"lease {lease} revoked\n")
    same(stage.ctl("get", key), "")
    same(stage.ctl("lease", "timetolive", lease), f"lease {lease} already expired\n")
    refused(Failed, "requested lease not found", lambda: stage.ctl("lease", "revoke", lease))


@case
def lease_keep_alive(stage):
    lease = stage.lease(3)
    alive = f"lease {lease} keepalived with TTL(3)"
    same(stage.ctl("lease", "keep-alive", "--once", lease), alive + "\n")
    keeper = stage.start("lease", "keep-alive", lease)
    time.sleep(5)
    keeper.expect(alive, alive)
    stage.ctl("lease", "revoke", lease)
    until(lambda: keeper.process.poll() is not None)
    assert "expired or revoked" in keeper.lines[-1], keeper.lines


@case
def lock_excludes_and_hands_over(stage):
    key = name()
    first = stage.start("lock", key, "--ttl=5")
    until(lambda: first.lines)
    assert first.lines[0].startswith(f"{key}/"), first.lines
    second = stage.start("lock", key)
    time.sleep(0.7)
    same(second.lines, [])
    first.end()
    until(lambda: second.lines)
    second.end()
    under = stage.ctl("lock", key, "--", "sh", "-c", 'echo "$ETCD_LOCK_KEY $ETCD_LOCK_REV"')
    held, revision = under.split()
    assert held.startswith(f"{key}/") and int(revision) > 0, under


@case
def a_killed_lock_ends_with_its_lease(stage):
    key = name()
    first = stage.start("lock", key, "--ttl=2")
    until(lambda: first.lines)
    first.process.kill()
    same(stage.ctl("lock", key, "echo", "held"), "held\n")


@case
def elect_leads_and_listens(stage):
    election = name()
    leader = stage.start("elect", election, "first")
    until(lambda: len(leader.lines) == 2)
    same(leader.lines[1], "first")
    listener = stage.start("elect", "-l", election)
    until(lambda: "first" in listener.lines)
    follower = stage.start("elect", election, "second")
    time.sleep(0.7)
    same(follower.lines, [])
    leader.end()
    until(lambda: "second" in follower.lines)
    until(lambda: "second" in listener.lines)
    follower.end()
    listener.end()


@case
def member_list_shows_every_node(stage):
    members = stage.json("member", "list")["members"]
    same(len(members), len(stage.endpoints))
    urls = [url.split("//")[1] for member in members for url in member["clientURLs"]]
    same(sorted(urls), sorted(stage.endpoints))
    assert all(line.split(", ")[1] == "started" for line in stage.ctl("member", "list").splitlines())


@case(differs=MEMBERS)
def member_add_and_remove(stage):
    stage.ctl("member", "add", "another", "--learner", "--peer-urls=http://127.0.0.1:1")
    members = stage.json("member", "list")["members"]
    added = [member["ID"] for member in members if "http://127.0.0.1:1" in member["peerURLs"]]
    assert "removed from cluster" in stage.ctl("member", "remove", f"{added[0]:x}")


@case
def endpoint_health(stage):
    done = subprocess.run(stage.command("endpoint", "health"), env=stage.environment, capture_output=True, text=True)
    same((done.returncode, (done.stdout + done.stderr).count("is healthy")), (0, len(stage.endpoints)))
    done = stage.ctl("endpoint", "health", "--cluster", "-w", "json", endpoints=stage.endpoints[:1])
    same([found["health"] for found in json.loads(done)], [True] * len(stage.endpoints))


@case
def endpoint_status(stage):
    nodes = [found["Status"] for found in stage.json("endpoint", "status")]
    same(len({node["header"]["member_id"] for node in nodes}), len(stage.endpoints))
    same(len({node["leader"] for node in nodes}), 1)
    assert all(node["version"].startswith("3.") and node["dbSize"] > 0 for node in nodes), nodes
    table = stage.ctl("endpoint", "status", "-w", "table")
    same(table.count("true"), 1)


@case
def endpoint_hashkv_agrees(stage):
    revision = stage.json("put", name(), "1")["header"]["revision"]

    def agree():
        found = stage.json("endpoint", "hashkv", f"--rev={revision}")
        return len({node["HashKV"]["hash"] for node in found}) == 1

    until(agree)


@case
def alarm_list_and_disarm(stage):
    same(stage.ctl("alarm", "list"), "")
    same(stage.ctl("alarm", "disarm"), "")


@case
def defrag_is_accepted(stage):
    assert stage.ctl("defrag").count("Finished defragmenting") == len(stage.endpoints)


@case
def snapshot_save_and_status(stage):
    stage.ctl("put", name(), "x" * 100_000)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "snapshot.db")
        stage.ctl("snapshot", "save", path, endpoints=stage.endpoints[:1])
        size = os.path.getsize(path)
        assert size > 100_000 and size % 512 == 32, size
        status = json.loads(stage.ctl("snapshot", "status", path, "-w", "json"))
        assert status["totalKey"] > 0 and status["revision"] > 0, status


@case
def move_leader(stage):
    nodes = stage.json("endpoint", "status")
    leader = nodes[0]["Status"]["leader"]
    others = [n["Status"]["header"]["member_id"] for n in nodes if n["Status"]["header"]["member_id"] != leader]
    if not others:
        raise NotApplicable("one node has nobody to move to")
    target = f"{others[0]:x}"
    assert f"Leadership transferred from {leader:x} to {target}" in stage.ctl("move-leader", target)
    # A node that has not heard of the new leader yet names none.
    until(lambda: stage.json("endpoint", "status")[0]["Status"].get("leader") == others[0])


@case
def make_mirror_copies(stage):
    source, copy = name(), name()
    stage.ctl("put", f"{source}/old", "1")
    target = stage.endpoints[-1]
    mirror = stage.start("make-mirror", target, f"--prefix={source}", f"--dest-prefix={copy}")
    until(lambda: stage.ctl("get", f"{copy}/old", "--print-value-only") == "1\n")
    stage.ctl("put", f"{source}/new", "2")
    until(lambda: stage.ctl("get", f"{copy}/new", "--print-value-only") == "2\n")
    stage.ctl("del", f"{source}/old")
    until(lambda: stage.ctl("get", f"{copy}/old") == "")
    mirror.end()


@case
def users_and_roles(stage):
    user, role = name(), name()
    same(stage.ctl("role", "add", role), f"Role {role} created\n")
    stage.ctl("role", "grant-permission", role, "readwrite", "a/", "--prefix")
    told = stage.ctl("role", "get", role)
    assert "[a/, a0) (prefix a/)" in told, told
    same(stage.ctl("user", "add", f"{user}:secret"), f"User {user} created\n")
    same(stage.ctl("user", "grant-role", user, role), f"Role {role} is granted to user {user}\n")
    assert role in stage.ctl("user", "get", user), user
    assert user in stage.ctl("user", "list") and role in stage.ctl("role", "list")
    stage.ctl("user", "passwd", user, "--interactive=false", typed="other\n")
    stage.ctl("user", "revoke-role", user, role)
    stage.ctl("role", "revoke-permission", role, "a/", "--prefix")
    same(stage.ctl("user", "delete", user), f"User {user} deleted\n")
    same(stage.ctl("role", "delete", role), f"Role {role} deleted\n")
    refused(Failed, "user name not found", lambda: stage.ctl("user", "get", user))


def refusal(stage, endpoint):
    try:
        return stage.ctl("get", "any", endpoints=[endpoint])
    except Failed as failed:
        return str(failed)


@case
def auth_enable_and_disable(stage):
    root = ("--user=root:r",)
    user, mine = name(), name()
    stage.ctl("user", "add", "root:r")
    stage.ctl("role", "add", "root")
    stage.ctl("user", "grant-role", "root", "root")
    stage.ctl("user", "add", f"{user}:u")
    stage.ctl("role", "add", user)
    stage.ctl("role", "grant-permission", user, "read", mine)
    stage.ctl("user", "grant-role", user, user)
    same(stage.ctl("auth", "enable"), "Authentication Enabled\n")
    try:
        # Every node of Quorate hears of it within a second.
        for endpoint in stage.endpoints:
            until(lambda: "user name is empty" in refusal(stage, endpoint))
        refused(Failed, "user name is empty", lambda: stage.ctl("put", mine, "1"))
        same(stage.ctl("put", mine, "1", *root), "OK\n")
        same(stage.ctl("get", mine, f"--user={user}:u"), f"{mine}\n1\n")
        refused(Failed, "permission denied", lambda: stage.ctl("put", mine, "2", f"--user={user}:u"))
        wrong = lambda: stage.ctl("get", mine, f"--user={user}:wrong")
        refused(Failed, "authentication failed", wrong)
        if not stage.version.startswith("3.4"):
            assert "Authentication Status: true" in stage.ctl("auth", "status", *root)
    finally:
        same(stage.ctl("auth", "disable", *root), "Authentication Disabled\n")
        for what in (("user", "root"), ("role", "root"), ("user", user), ("role", user)):
            stage.ctl(what[0], "delete", what[1])


@case
def check_perf(stage):
    if not os.environ.get("CHECK_PERF"):
        raise NotApplicable("takes a minute: set CHECK_PERF=1")
    done = subprocess.run(stage.command("check", "perf", "--load=s"), env=stage.environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("PASS"), done.stdout[-400:]


if __name__ == "__main__":
    options = arguments()
    if options.rest[:1] != ["--etcdctl"]:
        sys.exit("usage: client_etcdctl.py --etcdctl PATH [--endpoint ...] [--reference]")
    stage = Stage(options.rest[1], options.endpoint)
    run(f"etcdctl {stage.version}", stage, options)
