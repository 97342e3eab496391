#!/usr/bin/env python3
"""Turns the reports of bench/etcd.sh into the table of bench/RESULTS.md.

    table.py RUNS VERSION       RUNS holds {etcd,quorate}-CLIENTS-READS-REPETITION.json
"""

import collections
import datetime
import json
import os
import pathlib
import platform
import statistics
import sys


def figures(report):
    side = report["reads"] if report["plan"]["reads"] == 100 else report["writes"]
    return {
        "per second": report["throughput"],
        "p50 ms": side["p50_us"] / 1000,
        "p99 ms": side["p99_us"] / 1000,
        "CPU us per op": report["servers"]["cpu_us_per_operation"],
        "memory MiB": report["servers"]["rss_bytes"] / 2**20,
        "errors": report["errors"],
    }


def medians(reports):
    rows = [figures(report) for report in reports]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def main(runs, version):
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sorted(pathlib.Path(runs).glob("*.json")):
        target, clients, reads, _ = path.stem.split("-")
        groups[(int(reads), int(clients))][target].append(json.loads(path.read_text()))
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "unknown")
    print("# Quorate and etcd, side by side\n")
    print(f"Measured on {datetime.date.today()}: {os.cpu_count()} cores ({cpu}), "
          f"Linux {platform.release()}, three nodes of each and the load generator on one "
          f"machine, one disk. {version}. Both sync on a majority before a put is answered; "
          "gets are linearizable. Values of 256 B, 10000 keys, uniform. Closed loop, runs "
          "alternated, medians of the repetitions. `ratio` is Quorate's advantage: above 1 is "
          "better. "
          "The clients of both share eight connections. Load generators differ in cost "
          "(a pipe against gRPC) and share the cores.\n")
    for (reads, clients), sides in sorted(groups.items()):
        what = "linearizable get" if reads else "durable put"
        count = min(len(reports) for reports in sides.values())
        print(f"## {what}, {clients} clients ({count} repetitions)\n")
        print("| figure | etcd | Quorate | ratio |\n|---|---:|---:|---:|")
        etcd, ours = medians(sides["etcd"]), medians(sides["quorate"])
        for name in etcd:
            better = ours[name], etcd[name]
            if name != "per second":
                better = better[::-1]
            ratio = f"{better[0] / better[1]:.2f}" if better[1] and name != "errors" else ""
            print(f"| {name} | {etcd[name]:,.2f} | {ours[name]:,.2f} | {ratio} |")
        print()


if __name__ == "__main__":
    main(*sys.argv[1:])
