#!/usr/bin/env python3
"""Two PostgreSQL nodes under Patroni, which keeps its leader lock in Quorate.

usage: run.py [--quorate PATH] [--etcd HOST:PORT,HOST:PORT,...]

Starts three nodes of Quorate (or takes those of `--etcd`), two Patronis with a PostgreSQL each, and
writes all the time. Then:

    1. kill -9 of the primary's PostgreSQL and its Patroni: the standby is promoted and takes writes
    2. the former primary comes back as a standby
    3. kill -9 of one Quorate node, the leader of the keyspace: the primary stays, writes go on
    4. a planned switchover back, with one Quorate node missing

Every write that was acknowledged before a failure has to be there at the end.
"""

import argparse
import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ["patroni[etcd3]==4.1.5", "psycopg[binary]==3.3.9"]
USER = "postgres"  # PostgreSQL does not run as root
PYTHON = "/usr/bin/python3" if os.getuid() == 0 else sys.executable


def say(text):
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


def until(seconds, what, attempt):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = attempt()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_user(command):
    return ["runuser", "-u", USER, "--", *command] if os.getuid() == 0 else command


class Quorate:
    """Three nodes; etcd's clients connect 200 above the first node's HTTP port."""

    def __init__(self, binary, directory):
        self.base = free_port() % 10_000 + 20_000
        self.hosts = [f"127.0.0.1:{self.base + 200 + node}" for node in range(3)]
        self.log = open(directory / "quorate.log", "wb")
        command = [binary, "dev", "--data", directory / "quorate", "--base-port", str(self.base)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        until(60, "Quorate is ready", lambda: self.process.poll() is None and self.picture())

    def picture(self):
        for node in range(3):
            try:
                address = f"http://127.0.0.1:{self.base + node}/v1/cluster"
                return json.load(urllib.request.urlopen(address, timeout=2))
            except OSError:
                continue
        return None

    def kill_leader(self):
        picture = self.picture()
        leader = next(shard["leader"] for shard in picture["shards"] if shard["keyspace"] == "etcd")
        pid = next(node["pid"] for node in picture["nodes"] if node["id"] == leader)
        os.kill(pid, signal.SIGKILL)
        return f"{leader}, process {pid}"

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


class Postgres:
    """A Patroni and the PostgreSQL that it runs."""

    def __init__(self, name, hosts, directory, environment):
        self.name, self.port, self.rest = name, free_port(), free_port()
        self.directory, self.environment = directory / name, environment
        self.directory.mkdir()
        self.directory.chmod(0o755)
        text = (HERE / "node.yml").read_text().format(
            name=name, port=self.port, rest=self.rest, hosts=", ".join(hosts),
            directory=self.directory, binaries=binaries(),
        )
        (self.directory / "patroni.yml").write_text(text)
        if os.getuid() == 0:
            shutil.chown(self.directory, USER)
        self.start()

    def start(self):
        log = open(self.directory / "patroni.log", "ab")
        command = as_user([PYTHON, "-m", "patroni", str(self.directory / "patroni.yml")])
        group = dict(start_new_session=True, cwd=self.directory)
        self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, **group)

    def role(self):
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/patroni", timeout=2)
        except urllib.error.HTTPError as error:
            answer = error
        except OSError:
            return None
        status = json.load(answer)
        return status.get("role") if status.get("state") == "running" else None

    def is_primary(self):
        return self.role() in ("primary", "master")

    def sql(self, statement):
        """What psql prints; None if it did not work."""
        command = [f"{binaries()}/psql", "-XAtq", "-h", "127.0.0.1", "-p", str(self.port)]
        command += ["-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement, "postgres"]
        environment = dict(os.environ, PGCONNECT_TIMEOUT="2")
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=20)
        return done.stdout.strip() if done.returncode == 0 else None

    def kill(self):
        """As a machine that loses its power: both at once. PostgreSQL's children see it themselves."""
        main = (self.directory / "data" / "postmaster.pid").read_text().split()[0]
        os.killpg(self.process.pid, signal.SIGKILL)
        os.kill(int(main), signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(30)


def skip(why):
    """Ends without a failure: what is missing here is no fault of what is tried."""
    print(f"SKIPPED: {why}", flush=True)
    sys.exit(0)


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    if not found:
        skip("no PostgreSQL server (Debian: apt-get install postgresql)")
    return os.path.dirname(found[-1])


def install(directory):
    """Patroni, into a directory of its own; the environment in which it is found."""
    command = [PYTHON, "-m", "pip", "install", "-q", "--root-user-action=ignore"]
    site = directory / "site"
    done = subprocess.run([*command, "--target", str(site), *PACKAGES])
    if done.returncode:
        skip("Patroni could not be installed from PyPI")
    return dict(os.environ, PYTHONPATH=str(site), PYTHONDONTWRITEBYTECODE="1")


class Writes:
    """Numbers that were acknowledged: none of them may get lost."""

    def __init__(self):
        self.acknowledged = 0

    def write(self, node):
        if node.sql(f"insert into numbers values ({self.acknowledged + 1})") is None:
            return False
        self.acknowledged += 1
        return True

    def check(self, node):
        found = node.sql("select count(*), max(n) from numbers")
        assert found == f"{self.acknowledged}|{self.acknowledged}", (found, self.acknowledged)


def caught_up(primary, standby):
    count = "select count(*) from numbers"
    until(30, "the standby has caught up", lambda: primary.sql(count) == standby.sql(count))


def drill(a, b, kill_node):
    until(60, "a primary", lambda: a.is_primary() or b.is_primary())
    primary, standby = (a, b) if a.is_primary() else (b, a)
    until(60, "a standby", lambda: standby.role() == "replica")
    say(f"{primary.name} is the primary, {standby.name} the standby")
    writes = Writes()
    until(20, "a table", lambda: primary.sql("create table numbers (n int primary key)") is not None)
    for _ in range(20):
        assert writes.write(primary)
    caught_up(primary, standby)

    primary.kill()
    killed = time.monotonic()
    until(60, "the standby is promoted", lambda: standby.is_primary() and writes.write(standby))
    say(f"{primary.name} was killed: {standby.name} took a write {time.monotonic() - killed:.1f} s later")
    writes.check(standby)

    primary.start()
    primary, standby = standby, primary
    until(60, "the former primary is a standby", lambda: standby.role() == "replica")
    caught_up(primary, standby)
    say(f"{standby.name} is back as a standby")

    say(f"one node of Quorate is killed: {kill_node()}")
    failed, deadline = 0, time.monotonic() + 30
    while time.monotonic() < deadline:
        failed += not writes.write(primary)
        assert not standby.is_primary(), "nobody was to be promoted"
        time.sleep(0.2)
    assert primary.is_primary() and failed == 0, f"{failed} writes failed"
    say("for 30 s the primary stayed and every write went through")

    body = json.dumps({"leader": primary.name, "candidate": standby.name}).encode()
    caught_up(primary, standby)
    address = f"http://127.0.0.1:{primary.rest}/switchover"
    urllib.request.urlopen(urllib.request.Request(address, body), timeout=60).read()
    until(60, "the switchover", lambda: standby.is_primary() and writes.write(standby))
    writes.check(standby)
    say(f"switched over to {standby.name}: all {writes.acknowledged} acknowledged writes are there")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quorate", default=str(HERE.parents[1] / "target/release/quorate"))
    parser.add_argument("--etcd", help="use these nodes; no node is killed then")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="quorate-patroni."))
    directory.chmod(0o755)
    binaries()
    environment = install(directory)
    quorate = None if options.etcd else Quorate(options.quorate, directory)
    hosts = options.etcd.split(",") if options.etcd else quorate.hosts
    nodes, passed = [], False
    try:
        nodes.append(Postgres("a", hosts, directory, environment))
        nodes.append(Postgres("b", hosts, directory, environment))
        drill(*nodes, quorate.kill_leader if quorate else lambda: "not this time")
        passed = True
    finally:
        for process in [*nodes, quorate]:
            if process:
                process.stop()
        if passed:
            shutil.rmtree(directory)
        else:
            print(f"logs and data are in {directory}", file=sys.stderr)


BEGAN = time.monotonic()
if __name__ == "__main__":
    main()
