#!/usr/bin/env python3
"""The leader killed under load, in Quorate through its etcd gateway and in etcd: how long do puts
stand still, is an acknowledged one lost?

    coordination_failover.py [--rounds N] [--block N] [--deadlines MS,MS] [--dir DIR] [--out FILE]

One generator for both (`etcdload failover`), three nodes each, one system at a time, in blocks that
alternate. A round: who leads is killed (`kill -9`), puts flow again, it is started with its data,
all nodes serve. Each block has a cluster of its own; at its end all keys that were acknowledged are
read back. All of it once per deadline of a put: a put that went to the dead leader waits for its
deadline, which may be longer than the election. Needs what coordination.py needs. Writes
bench/COORDINATION_FAILOVER.md.
"""

import argparse
import collections
import contextlib
import datetime
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import clusters

CALM = 1.5  # seconds between a whole cluster and the next kill
DOWN = 2.5  # seconds that a killed node stays down, at least
FLOWING = 100  # milliseconds of silence below which puts flow
PATIENCE = 60  # seconds until they must


class Load:
    """The generator at work."""

    def __init__(self, generator, cluster, deadline):
        self.process = subprocess.Popen(
            [generator, "--endpoint", ",".join(cluster.endpoints),
             "failover", "--deadline", str(deadline)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        """`look`, or `next`, which begins a new window; returns the window so far."""
        print(line, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def flows(self):
        deadline = time.monotonic() + PATIENCE
        while self.ask("look")["silent_ms"] > FLOWING:
            if time.monotonic() > deadline:
                sys.exit(f"no put is acknowledged: {self.ask('look')}")
            time.sleep(0.05)

    def end(self):
        """Ends the puts; returns what reading back found."""
        told, _ = self.process.communicate(timeout=600)
        if self.process.returncode:
            sys.exit("reading back failed")
        return json.loads(told)


def kill_leader(generator, cluster, load):
    """One round: what the clients saw after the kill, and after the restart."""
    leader, term = cluster.whole(generator)
    load.ask("next")
    leader.kill()
    time.sleep(DOWN)
    load.flows()
    killed = load.ask("next")
    leader.start()
    _, later = cluster.whole(generator)
    time.sleep(CALM)
    load.flows()
    if later == term:
        sys.exit(f"{cluster.name}: term {term} goes on, so it was not the leader that was killed")
    return {"kill": killed, "restart": load.ask("look")}


def block(cluster, generator, deadline, rounds):
    """Some rounds on a new cluster: what clients saw in each, and what reading back found."""
    load, seen = Load(generator, cluster, deadline), []
    try:
        # The first puts make Quorate's keyspace.
        cluster.whole(generator)
        load.flows()
        time.sleep(CALM)
        for _ in range(rounds):
            seen.append(kill_leader(generator, cluster, load))
            gaps = [f"{what} {window['gap_ms']} ms" for what, window in seen[-1].items()]
            print(cluster.name, deadline, *gaps, file=sys.stderr)
        return seen, load.end()
    finally:
        load.process.kill()
        cluster.stop()


def gaps(rounds, what):
    return [window[what]["gap_ms"] for window in rounds]


def rows(rounds, found):
    print("| deadline of a put | | kills | gap median | p90 | longest | after restart: median "
          "| longest | acknowledged | lost | wrong |\n"
          "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for (deadline, name), those in rounds.items():
        killed, again = sorted(gaps(those, "kill")), sorted(gaps(those, "restart"))
        total = lambda what: sum(report[what] for report in found[deadline, name])
        print(f"| {deadline:,} ms | {name} | {len(killed)} | {statistics.median(killed):,.0f} ms "
              f"| {killed[math.ceil(0.9 * len(killed)) - 1]:,.0f} ms | {killed[-1]:,.0f} ms "
              f"| {statistics.median(again):,.0f} ms | {again[-1]:,.0f} ms "
              f"| {total('acknowledged'):,} | {total('lost')} | {total('wrong')} |")
    print()
    for deadline in sorted({deadline for deadline, _ in rounds}):
        median = {name: statistics.median(gaps(rounds[deadline, name], "kill"))
                  for name in ("etcd", "quorate")}
        print(f"With {deadline:,} ms, Quorate's median gap after a kill is "
              f"{median['quorate'] / median['etcd']:.2f} of etcd's (asked for: at most 0.5).\n")


def details(rounds):
    print("All gaps after a kill, in order:\n")
    for (deadline, name), those in rounds.items():
        told = ", ".join(f"{gap:,.0f}" for gap in gaps(those, "kill"))
        print(f"- {name}, {deadline:,} ms: {told}")
    print("\nWhy attempts failed, kills and restarts together:\n")
    print("| | error | attempts |\n|---|---|---:|")
    count = collections.Counter()
    for (_, name), those in rounds.items():
        for window in (window for one in those for window in one.values()):
            for text, times in window["errors_by_text"].items():
                # Which node it was says nothing.
                count[name, text.split(": ", 1)[-1] if text[0].isdigit() else text] += times
    for (name, text), times in sorted(count.items(), key=lambda row: (row[0][0], -row[1])):
        print(f"| {name} | {text.replace('|', '/')} | {times:,} |")


def write(out, rounds, found, version):
    with open(out, "w") as file, contextlib.redirect_stdout(file):
        print("# The leader killed under puts: Quorate's etcd gateway and etcd\n")
        print(f"Measured on {datetime.date.today()} by `bench/coordination_failover.py`: "
              f"{clusters.machine()}, three nodes and the load generator on one machine, one disk, "
              f"one system at a time, blocks alternated. {version}; each system with its own "
              "defaults (etcd: heartbeat 100 ms, election timeout 1,000 ms; Quorate: 50 ms and "
              "250 ms). 16 clients put keys of their own in a closed loop with 2 ms between, each "
              "put to the next node; after an error or the deadline the next node is asked 10 ms "
              "later. `gap` is the longest time without an acknowledgement to any client after "
              f"`kill -9` of the leader; {DOWN} s later or when puts flow again it is started, and "
              "`after restart` is the longest one from then until all nodes have served for "
              f"{CALM} s. `lost` are acknowledged keys that linearizable ranges at the end of the "
              "block did not find, `wrong` those with another value.\n")
        rows(rounds, found)
        details(rounds)
    print(pathlib.Path(out).read_text())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--block", type=int, default=5)
    parser.add_argument("--deadlines", default="1000,200")
    parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--out", default=clusters.HERE / "COORDINATION_FAILOVER.md")
    given = parser.parse_args()
    directory = given.dir or pathlib.Path(tempfile.mkdtemp(prefix="quorate-bench.", dir="/var/tmp"))
    quorate, generator, etcd = clusters.binaries(directory)
    systems = {"etcd": (clusters.etcd, etcd), "quorate": (clusters.quorate, quorate)}
    rounds, found = collections.defaultdict(list), collections.defaultdict(list)
    for deadline in map(int, given.deadlines.split(",")):
        for first in range(0, given.rounds, given.block):
            for name, (make, binary) in systems.items():
                place = directory / f"{name}-{deadline}-{first}"
                place.mkdir(parents=True)
                wanted = min(given.block, given.rounds - first)
                seen, back = block(make(binary, place), generator, deadline, wanted)
                rounds[deadline, name] += seen
                found[deadline, name].append(back)
                print(name, back, file=sys.stderr)
    write(given.out, rounds, found, clusters.version(etcd))
    if any(back["lost"] + back["wrong"] for those in found.values() for back in those):
        sys.exit("acknowledged puts were lost")


if __name__ == "__main__":
    main()
