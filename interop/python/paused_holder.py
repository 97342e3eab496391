"""A lock holder that is stopped beyond its lease, and writes when it wakes up: it must be refused.

usage: paused_holder.py --endpoint HOST:PORT [--holders 10] [--rounds 2] [--guard]

    holder (a process)    lock ─ write: accepted ─ SIGSTOP ············ SIGCONT ─ write: refused
    the next one                                     lock ─ write: accepted
                                                     (the lease has run out)

The lock's token is the create revision of its key. A write is guarded by it in three ways: by a
comparison in a transaction, which every server has that speaks etcd's protocol; by the metadata
`quorate-guard: NAME TOKEN` of any gRPC call; by the same header at the JSON gateway. The last two are
tried with `--guard`, at servers that know them. Needs the Python client `etcd3`.
"""

import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import etcd3

TTL = 2  # seconds
REFUSED = "the lock is not held at the guard's token"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Holder:
    """Who takes a lock, keeps its lease alive, and writes under it."""

    def __init__(self, endpoint, lock):
        self.endpoint, self.lock = endpoint, lock
        host, port = endpoint.rsplit(":", 1)
        self.etcd = etcd3.client(host=host, port=int(port), timeout=20)
        self.lease = int(self.post("lease/grant", {"TTL": TTL})["ID"])
        threading.Thread(target=self.keep_alive, daemon=True).start()
        body = {"name": encoded(lock), "lease": str(self.lease)}
        self.key = base64.b64decode(self.post("lock/lock", body)["key"]).decode()
        self.token = self.etcd.get(self.key)[1].create_revision

    def post(self, path, body, **headers):
        address = f"http://{self.endpoint}/v3/{path}"
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)
        return json.load(urllib.request.urlopen(request, timeout=30))

    def keep_alive(self):
        while True:
            try:
                self.post("lease/keepalive", {"ID": str(self.lease)})
            except OSError:
                pass
            time.sleep(TTL / 4)

    def by_comparison(self, value):
        compare = [self.etcd.transactions.create(self.key) == self.token]
        put = [self.etcd.transactions.put(f"{self.lock}-comparison", value)]
        return self.etcd.transaction(compare, put, [])[0]

    def by_metadata(self, value):
        self.etcd.metadata = (("quorate-guard", f"{self.lock} {self.token}"),)
        try:
            self.etcd.put(f"{self.lock}-metadata", value)
        except etcd3.exceptions.PreconditionFailedError as error:
            assert REFUSED in error.__context__.details(), error.__context__
            return False
        finally:
            self.etcd.metadata = None
        return True

    def by_header(self, value):
        body = {"key": encoded(f"{self.lock}-header"), "value": encoded(value)}
        try:
            self.post("kv/put", body, **{"quorate-guard": f"{self.lock} {self.token}"})
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            assert REFUSED in text, text
            return False
        return True

    def write(self, value, ways):
        """What became of a write, by the way in which it was guarded."""
        return {way: getattr(self, f"by_{way}")(value) for way in ways}

    def values(self, ways):
        return {way: (self.etcd.get(f"{self.lock}-{way}")[0] or b"").decode() for way in ways}


def hold(options):
    """The process that is stopped: it writes whenever it is told to."""
    holder = Holder(options.endpoint, options.hold)
    print("held", flush=True)
    for line in sys.stdin:
        print(json.dumps(holder.write(line.strip(), options.ways)), flush=True)


class Process:
    def __init__(self, options, lock):
        command = [sys.executable, __file__, "--endpoint", options.endpoint, "--hold", lock]
        command += ["--guard"] if options.guard else []
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lock, self.process = lock, subprocess.Popen(command, **pipes)

    def line(self):
        return self.process.stdout.readline().strip()

    def tell(self, value):
        self.process.stdin.write(value + "\n")
        self.process.stdin.flush()

    def signal(self, number):
        os.kill(self.process.pid, number)


def one_round(options, number):
    """Returns how many late writes were refused, and how many there were."""
    name = f"paused-{os.getpid()}-{number}"
    processes = [Process(options, f"{name}-{at}") for at in range(options.holders)]
    refused = tried = 0
    try:
        for process in processes:
            assert process.line() == "held"
            process.tell("in time")
            found = json.loads(process.line())
            assert all(found.values()), f"a holder's own writes were refused: {found}"
        for process in processes:
            process.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        others = [Holder(options.endpoint, process.lock) for process in processes]
        print(f"the locks changed hands {time.monotonic() - stopped:.1f} s after the stop")
        for other in others:
            found = other.write("next", options.ways)
            assert all(found.values()), f"the next holder's writes were refused: {found}"
        for process in processes:
            process.tell("too late")
            process.signal(signal.SIGCONT)
        for process, other in zip(processes, others):
            found = json.loads(process.line())
            refused += sum(not accepted for accepted in found.values())
            tried += len(found)
            for way, value in other.values(options.ways).items():
                if value != "next":
                    print(f"{process.lock}: by {way}: {value!r} was written over 'next'")
    finally:
        for process in processes:
            process.process.kill()
    return refused, tried


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="127.0.0.1:2379")
    parser.add_argument("--holders", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--guard", action="store_true")
    parser.add_argument("--hold", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.endpoint = options.endpoint.split(",")[0]
    options.ways = ["comparison"] + (["metadata", "header"] if options.guard else [])
    if options.hold:
        return hold(options)
    results = [one_round(options, number) for number in range(options.rounds)]
    refused, tried = (sum(column) for column in zip(*results))
    print(f"paused holders: {refused} of {tried} late writes were refused")
    sys.stdout.flush()
    os._exit(0 if tried and refused == tried else 1)


if __name__ == "__main__":
    main()
