"""The leader is stopped for 300 ms again and again while leases are kept alive: none may end.

usage: pulses.py --keepers PATH [--cluster http://HOST:PORT] [--pid PID] --endpoint A,B,C [...]

`--cluster` is the HTTP address of a node of Quorate, which says who leads the keyspace `etcd`;
`--pid` is the process to stop if it is another server. All other arguments go to `keepers`.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request


def leader(address):
    picture = json.load(urllib.request.urlopen(f"{address}/v1/cluster", timeout=5))
    name = next(shard["leader"] for shard in picture["shards"] if shard["keyspace"] == "etcd")
    return next((node["pid"] for node in picture["nodes"] if node["id"] == name), None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keepers", required=True)
    parser.add_argument("--cluster")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--stop", type=float, default=0.3, help="seconds that the leader is stopped")
    parser.add_argument("--go", type=float, default=0.7, help="seconds that it then runs")
    options, rest = parser.parse_known_args()
    keepers = subprocess.Popen([options.keepers, *rest], stdout=subprocess.PIPE, text=True)
    print(keepers.stdout.readline(), end="", flush=True)
    pulses, stopped = 0, {}
    while keepers.poll() is None:
        try:
            pid = options.pid or leader(options.cluster)
        except (OSError, StopIteration):
            pid = None
        if pid:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(options.stop)
            os.kill(pid, signal.SIGCONT)
            pulses += 1
            stopped[pid] = stopped.get(pid, 0) + 1
        time.sleep(options.go)
    print(keepers.stdout.read(), end="")
    print(f"{pulses} pulses of {options.stop} s, by process: {stopped}")
    sys.exit(keepers.returncode or not pulses)


if __name__ == "__main__":
    main()
