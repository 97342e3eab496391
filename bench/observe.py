#!/usr/bin/env python3
"""What it costs to observe every request: puts with everything on, and with it off, alternated.

    observe.py [--pairs N] [--seconds S] [--clients C] [--pages N] [--dir DIR] [--out FILE]

On: the defaults (figures, flight recorder, traces of every request kept), one request of a hundred
exported by OTLP to a sink in this program, a page of the console open on one node (on none, or on
each of three, if told so). Off: `observe.requests = false`, no export, no console. Every run has a
cluster of its own, new and alone on the machine; the pairs alternate which side begins. One run scatters
by a tenth where others use the processor too, so the standard error of the ratio is told with it.

Needs cargo, or the binary named by QUORATE in the environment. Writes bench/OBSERVE.md.
"""

import argparse
import contextlib
import datetime
import http.server
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BASES = {"on": 27_570, "off": 28_570}
NODES = 3
GOAL = 0.97


class Sink(http.server.BaseHTTPRequestHandler):
    """Takes exports and counts them."""

    protocol_version = "HTTP/1.1"
    taken = {"/v1/traces": 0, "/v1/metrics": 0}

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Sink.taken[self.path] += 1
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Console:
    """Pages of the console, one on a node, kept open as a browser does."""

    def __init__(self, base, pages):
        self.links, self.read = [], 0
        for node in range(pages):
            link = socket.create_connection(("127.0.0.1", base + node), timeout=10)
            link.sendall(b"GET /live?page=/ HTTP/1.1\r\nhost: q\r\naccept: text/event-stream\r\n\r\n")
            self.links.append(link)
            threading.Thread(target=self.drain, args=(link,), daemon=True).start()

    def drain(self, link):
        link.settimeout(None)
        with contextlib.suppress(OSError):
            while piece := link.recv(1 << 16):
                self.read += len(piece)

    def close(self):
        for link in self.links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()
        if self.links and not self.read:
            sys.exit("the console told nothing")


def start(binary, directory, side, collector):
    settings = {
        "on": {"otlp.endpoint": collector, "otlp.sample": 100},
        "off": {"observe.requests": "false"},
    }[side]
    flags = [flag for key, value in settings.items() for flag in ("--set", f"{key}={value}")]
    with open(directory / f"{side}.log", "w") as log:
        return subprocess.Popen(
            [binary, "dev", "--data", directory / side, "--base-port", str(BASES[side]), *flags],
            stdout=log, stderr=log)


def run(binary, directory, side, clients, seconds):
    report = directory / "report.json"
    command = [binary, "bench", "-e", f"127.0.0.1:{BASES[side]}", "--clients", str(clients),
               "--seconds", str(seconds), "--warm-up", "1", "--report", report]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 3 * seconds)
    if done.returncode:
        sys.exit(f"{side}: {done.stderr.strip()[-300:]}")
    told = json.loads(report.read_text())
    if told["errors"]:
        sys.exit(f"{side}: {told['errors']} errors: {told['first_error']}")
    return told["throughput"], told["servers"]["cpu_us_per_operation"], told["writes"]["p99_us"]


def wait(binary, side, process):
    deadline = time.monotonic() + 60
    probe = [binary, "put", "default", "probe", "1", "-e", f"127.0.0.1:{BASES[side]}"]
    while subprocess.run(probe, capture_output=True).returncode:
        if time.monotonic() > deadline or process.poll() is not None:
            sys.exit(f"the cluster '{side}' does not serve")
        time.sleep(0.2)


@contextlib.contextmanager
def cluster(binary, directory, side, collector):
    """A new cluster of this side, alone on the machine."""
    process = start(binary, directory, side, collector)
    try:
        wait(binary, side, process)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        shutil.rmtree(directory / side, ignore_errors=True)


def measure(binary, directory, args, collector):
    runs = {side: [] for side in BASES}
    for pair in range(args.pairs):
        for side in ("on", "off") if pair % 2 else ("off", "on"):
            with cluster(binary, directory, side, collector):
                run(binary, directory, side, args.clients, 2)
                console = Console(BASES[side], args.pages) if side == "on" else None
                runs[side].append(run(binary, directory, side, args.clients, args.seconds))
                if console:
                    console.close()
            print(pair + 1, side, *(round(figure) for figure in runs[side][-1]), flush=True)
    return runs


def told(runs, args):
    """The report: means, and the ratios of the pairs with how far they scatter."""
    names = ["puts/s", "CPU µs/put, all nodes", "p99 µs"]
    lines = ["# What observing every request costs", "",
             f"Written by `bench/observe.py` on {datetime.date.today()}; {platform.processor() or platform.machine()}, "
             f"{os.cpu_count()} cores; {args.pages} pages of the console, {args.clients} clients, 256-byte values, {args.pairs} pairs of "
             f"{args.seconds} s, alternated. Load of the machine at the end: {os.getloadavg()[0]:.1f}; above "
             "its cores plus the generator, others were at work and ratios of throughput say little.", "",
             "| | on | off | on/off, mean of pairs | its standard error | smallest | largest |",
             "|---|---:|---:|---:|---:|---:|---:|"]
    ratios = []
    for i, name in enumerate(names):
        on, off = ([one[i] for one in runs[side]] for side in ("on", "off"))
        pairs = [a / b for a, b in zip(on, off)]
        ratios.append(statistics.mean(pairs))
        error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else 0.0
        lines.append(f"| {name} | {statistics.mean(on):.0f} | {statistics.mean(off):.0f} | {ratios[i]:.3f} | "
                     f"{error:.3f} | {min(pairs):.3f} | {max(pairs):.3f} |")
    lines += ["", f"Asked for: a throughput of at least {GOAL:.0%} of that without. Exports taken "
              f"by the sink: {Sink.taken['/v1/traces']} of traces, {Sink.taken['/v1/metrics']} of figures.", ""]
    return "\n".join(lines), ratios[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--pages", type=int, default=1, choices=range(NODES + 1))
    parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "OBSERVE.md")
    args = parser.parse_args()
    binary = os.environ.get("QUORATE")
    if not binary:
        subprocess.run(["cargo", "build", "--release", "-p", "quorate"], cwd=ROOT, check=True)
        binary = str(ROOT / "target/release/quorate")
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    sink.daemon_threads = True
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    # Not /tmp, which may be memory.
    place = tempfile.TemporaryDirectory(prefix="quorate-observe.", dir=args.dir or "/var/tmp")
    with place as directory:
        collector = f"http://127.0.0.1:{sink.server_port}"
        runs = measure(binary, pathlib.Path(directory), args, collector)
    if not all(Sink.taken.values()):
        sys.exit(f"the sink was told nothing of something: {Sink.taken}")
    text, ratio = told(runs, args)
    args.out.write_text(text)
    print(text)
    sys.exit(0 if ratio >= GOAL else 1)


if __name__ == "__main__":
    main()
