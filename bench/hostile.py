#!/usr/bin/env python3
"""Hostile clients and peers against a real cluster of three nodes that goes on serving.

usage: bench/hostile.py [PATH-OF-QUORATE] [--write]

One writer and reader works on all nodes while n1 is attacked, one attack after the other. The
table says what was sent, what came back (codes and closes, counted), the resident memory of each
node before, at its peak and after, and how the writer fared. It fails if the writer had to wait
too long, lost a write, or a node's memory grew beyond its bound. `--write` keeps the table in
bench/HOSTILE.md. 10,000 connections need as many file handles here and in the node: the limit is
raised to the hard one.
"""

import collections
import http.client
import json
import multiprocessing
import os
import pathlib
import random
import re
import resource
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

IDLE = 10_000  # connections that say nothing
PATIENCE = 35  # seconds; the node gives a slow head and a slow body 30
GROWTH_MAX = 384  # MiB that a node's memory may grow over what it was before all attacks
GAP_MAX = 3.0  # seconds without an acknowledged write
MIB = 1 << 20
RANDOM = random.Random(1)
CODE = re.compile(rb'"code":"([a-z-]+)"')


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind, body):
    """A frame between nodes: length, seal, body (crates/database/src/link.rs)."""
    rest = bytes([1, ord(kind), 0, 0]) + body
    sealed = struct.pack("<I", crc32c(rest)) + rest
    return struct.pack("<I", len(sealed)) + sealed


def hello(cluster, sender):
    body = b"\x0a\x10" + bytes.fromhex(cluster) + bytes([0x10, 1, 0x18, sender, 0x20, 1])
    return frame("H", body)


def memory(pid, key):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith(key):
                return int(line.split()[1]) / 1024
    return 0.0


def serve(ports, told, stop):
    """Writes and reads back, on whichever node answers; tells each attempt."""
    links, number = {}, 0

    def ask(port, method, path, body=None, headers=None):
        link = links.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=2))
        try:
            link.request(method, path, body, headers or {})
            answer = link.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            links.pop(port).close()
            return 0, b""

    while not stop.is_set():
        number += 1
        began, wrong = time.monotonic(), ""
        value, key = f"value-{number}".encode(), f"/v1/kv/default/hostile-{number % 100}"
        tried = 0
        while not stop.is_set():
            port = ports[(number + tried) % len(ports)]
            tried += 1
            status, _ = ask(port, "PUT", key, value, {"Idempotency-Key": f"hostile-{number}"})
            if status in (200, 201, 204):
                break
            time.sleep(0.01)
        wrote = time.monotonic()
        if stop.is_set():
            break
        for port in ports[number % 3 :] + ports[: number % 3]:
            status, read = ask(port, "GET", key)
            if status == 200:
                wrong = "" if read == value else f"{key}: wrote {value}, read {read}"
                break
        else:
            wrong = ""
        told.put((began, wrote, tried, wrong))
        time.sleep(0.005)


class Sockets:
    """Many connections to one port, and what came back over them."""

    def __init__(self, port):
        self.port, self.open, self.came = port, {}, collections.Counter()
        self.poll = selectors.DefaultSelector()

    def add(self, data=b"", refused="not accepted"):
        link = socket.socket()
        try:
            link.settimeout(5)
            link.connect(("127.0.0.1", self.port))
            if data:
                link.sendall(data)
        except OSError:
            # A node that closes while it is still being talked at may have said why.
            if not self.drain(link, b""):
                self.came[refused] += 1
            link.close()
            return None
        link.setblocking(False)
        self.open[link] = b""
        self.poll.register(link, selectors.EVENT_READ)
        return link

    def drain(self, link, before):
        try:
            link.settimeout(0.5)
            before += link.recv(1 << 16)
        except OSError:
            pass
        return self.judge(before)

    def judge(self, answer):
        lines = re.findall(rb"HTTP/1\.1 (\d+)", answer)
        codes = CODE.findall(answer)
        for line in lines[:3]:
            code = codes.pop(0).decode() if codes and line[:1] in b"45" else ""
            self.came[f"{line.decode()} {code}".strip()] += 1
        return bool(lines)

    def collect(self, seconds, every=None):
        """Reads what comes, for so long or until all are closed."""
        deadline, tick = time.monotonic() + seconds, time.monotonic()
        while self.open and (left := deadline - time.monotonic()) > 0:
            for key, _ in self.poll.select(min(left, 0.2)):
                link = key.fileobj
                try:
                    data = link.recv(1 << 16)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if data:
                    self.open[link] += data
                else:
                    self.close(link, "closed without a word")
            if every and time.monotonic() - tick >= 1:
                tick = time.monotonic()
                for link in list(self.open):
                    try:
                        every(link)
                    except OSError:
                        pass
        return self

    def close(self, link, silent):
        self.poll.unregister(link)
        if not self.judge(self.open.pop(link)):
            self.came[silent] += 1
        link.close()

    def done(self, silent="still open"):
        for link in list(self.open):
            self.close(link, silent)
        self.poll.close()
        return self.came


def request(method, path, headers="", body=b""):
    return f"{method} {path} HTTP/1.1\r\nhost: q\r\n{headers}\r\n".encode() + body


def idle(target):
    sockets = Sockets(target.http)
    for _ in range(IDLE):
        sockets.add()
    sockets.collect(5)
    # Who waits in silence is served when it speaks.
    first = next(iter(sockets.open), None)
    if first:
        first.sendall(request("GET", "/healthz", "connection: close\r\n"))
    sockets.collect(1)
    return sockets.done()


def slow(target):
    sockets, half = Sockets(target.http), request("PUT", "/v1/kv/default/a", "content-length: 999\r\n")
    for at in range(200):
        sockets.add(half if at % 2 else b"GET /v1/kv/default/a HTTP/1.1\r\nx: ")
    return sockets.collect(PATIENCE, every=lambda link: link.send(b"x")).done()


def half_open(target):
    sockets = Sockets(target.http)
    for at in range(500):
        link = sockets.add(b"GET /healthz HTTP/1.1\r\n" if at % 2 else request("GET", "/healthz"))
        if link:
            link.shutdown(socket.SHUT_WR)
    return sockets.collect(PATIENCE).done()


def vanish(target):
    came = collections.Counter()
    body = b'{"by": 1}'
    for _ in range(1_000):
        with socket.create_connection(("127.0.0.1", target.http), 5) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.sendall(request("GET", "/v1/kv/default?limit=100", f"x: {body!r}\r\n"))
        came["reset by us"] += 1
    return came


def oversized(target):
    sockets = Sockets(target.http)
    put = "/v1/kv/default/a"
    for _ in range(20):
        sockets.add(request("GET", put, f"x: {'a' * 70_000}\r\n"))
        sockets.add(request("GET", put, "".join(f"x{i}: 1\r\n" for i in range(200))))
        sockets.add(request("GET", put + "a" * 70_000))
        sockets.add(request("GET", "/v1/kv/default/" + "a" * 5_000))
        sockets.add(request("PUT", put, f"content-length: {1 << 40}\r\n"))
        sockets.add(request("PUT", put, f"content-length: {2 * MIB}\r\n", bytes(64 << 10)))
        chunk = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
        sockets.add(request("PUT", put, "transfer-encoding: chunked\r\n", chunk * 20))
    return sockets.collect(10).done()


def hoard(target):
    """Large bodies that never end, all at once."""
    sockets = Sockets(target.http)
    head = request("POST", "/v1/kv/default:batch", f"content-length: {4 * MIB}\r\n")
    for _ in range(150):
        sockets.add(head + bytes(4 * MIB - 1))
    return sockets.collect(PATIENCE).done()


def pipelined(target):
    sockets = Sockets(target.http)
    for _ in range(300):
        sockets.add(request("GET", "/healthz") * 3 + RANDOM.randbytes(2_000) + b"\r\n\r\n")
    return sockets.collect(PATIENCE).done()


def noise(target):
    sockets = Sockets(target.peer)
    for at in range(500):
        sockets.add(RANDOM.randbytes(RANDOM.randrange(1, 10_000)))
    return sockets.collect(10).done()


def strangers(target):
    sockets = Sockets(target.peer)
    for at in range(300):
        wrong = hello("00" * 16, 9) if at % 3 else hello(target.cluster, 1)
        sockets.add(wrong if at % 2 else frame("E", b"\x08\x01"))
    return sockets.collect(10).done()


def lengths(target):
    """A greeting that is believed, then lengths that nothing follows."""
    sockets = Sockets(target.peer)
    for at in range(60):
        claim = [0xFFFFFFFF, (16 * MIB) + 1, 16 * MIB][at % 3]
        sockets.add(hello(target.cluster, 40 + at) + struct.pack("<I", claim) + bytes(1_000))
    sockets.collect(5)
    return sockets.done("held at 16 MiB claimed, 1 kB sent")


ATTACKS = [
    ("10,000 idle connections", idle),
    ("200 clients of one byte a second, heads and bodies", slow),
    ("500 half-open: the sending side closed, half of them inside a head", half_open),
    ("1,000 requests whose client resets the connection", vanish),
    ("140 oversized heads, targets, keys and bodies", oversized),
    ("150 bodies of 4 MiB that never end", hoard),
    ("300 times three requests and 2 kB of noise behind them", pipelined),
    ("500 times noise on the peer port", noise),
    ("300 strangers on the peer port: wrong cluster, sender or kind", strangers),
    ("60 peers that claim frames of 16 MiB and more", lengths),
]


class Target:
    def __init__(self, base, picture):
        self.http, self.peer, self.cluster = base, base + 100, picture["cluster"]
        self.pids = [node["pid"] for node in sorted(picture["nodes"], key=lambda n: n["id"])]


def start(quorate, data):
    base = next(b for b in iter(lambda: RANDOM.randrange(20_000, 30_000), None) if free(b))
    command = [quorate, "dev", "--data", f"{data}/cluster", "--base-port", str(base)]
    dev = subprocess.Popen(command, stdout=open(f"{data}/dev.log", "wb"), stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and dev.poll() is None:
        try:
            link = http.client.HTTPConnection("127.0.0.1", base, timeout=2)
            link.request("GET", "/v1/cluster")
            picture = json.loads(link.getresponse().read())
            if len([n for n in picture["nodes"] if n.get("pid")]) == 3:
                return dev, Target(base, picture), [base, base + 1, base + 2]
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.2)
    dev.kill()
    sys.exit("the cluster does not come up")


def free(base):
    for port in [base + offset + node for offset in (0, 100) for node in range(3)]:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def run(target, told):
    """Runs every attack; gives the rows of the table and what went wrong."""
    rows, wrong = [], []
    first = [memory(pid, "VmRSS") for pid in target.pids]
    for name, attack in [("nothing", lambda _: time.sleep(5) or {})] + ATTACKS:
        for pid in target.pids:
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")  # forgets the peak
        before = [memory(pid, "VmRSS") for pid in target.pids]
        began = time.monotonic()
        came = attack(target)
        time.sleep(1)
        ended = time.monotonic()
        peak = [memory(pid, "VmHWM") for pid in target.pids]
        after = [memory(pid, "VmRSS") for pid in target.pids]
        tries = []
        while not told.empty():
            tries.append(told.get())
        wrong += [f"{name}: {text}" for *_, text in tries if text]
        took = sorted(wrote - asked for asked, wrote, *_ in tries)
        ends = [began] + [wrote for _, wrote, *_ in tries] + [ended]
        gap = max(later - earlier for earlier, later in zip(ends, ends[1:]))
        if gap > GAP_MAX:
            wrong.append(f"{name}: {gap:.1f} s without an acknowledged write")
        for node, (high, low) in enumerate(zip(peak, first), 1):
            if high - low > GROWTH_MAX:
                wrong.append(f"{name}: n{node} grew by {high - low:.0f} MiB")
        half = took[len(took) // 2] * 1000 if took else 0
        last = took[int(len(took) * 0.99)] * 1000 if took else 0
        back = ", ".join(f"{count} × {what}" for what, count in sorted(came.items())) or "-"
        sizes = ", ".join(f"{b:.0f} / {p:.0f} / {a:.0f}" for b, p, a in zip(before, peak, after))
        again = sum(tried - 1 for _, _, tried, _ in tries)
        rows.append(
            f"| {name} | {back} | {sizes} | {len(tries)}, {again} again | {half:.1f} / {last:.1f} "
            f"/ {gap * 1000:.0f} |"
        )
        print(rows[-1], flush=True)
    return rows, wrong


HEAD = f"""# Hostile clients and peers

A cluster of three processes on one machine; everything is sent to n1, by `bench/hostile.py`. One
client writes and reads back all the while, on whichever node answers; a write that is not
acknowledged is tried again under its request id, on the next node. The run fails if a node's
memory grows by more than {GROWTH_MAX} MiB over the start, if no write is acknowledged for
{GAP_MAX:.0f} s, or if a read does not find what was written. Memory is resident, in MiB: before,
peak and after, of n1, n2, n3. Times are the writer's, in ms: median, 99th of a hundred, and the
longest time without an acknowledged write.

| sent | came back | memory n1, n2, n3 | writes | median / p99 / gap |
|---|---|---|---:|---:|
"""


def main():
    here = pathlib.Path(__file__).resolve().parent
    arguments = [a for a in sys.argv[1:] if not a.startswith("--")]
    quorate = arguments[0] if arguments else str(here.parent / "target/release/quorate")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    data = tempfile.mkdtemp(prefix="quorate-hostile.", dir="/var/tmp")
    dev, target, ports = start(quorate, data)
    told, stop = multiprocessing.Queue(), multiprocessing.Event()
    writer = multiprocessing.Process(target=serve, args=(ports, told, stop), daemon=True)
    writer.start()
    try:
        rows, wrong = run(target, told)
        alive = [os.path.exists(f"/proc/{pid}") for pid in target.pids]
        if not all(alive) or dev.poll() is not None:
            wrong.append("a node has ended")
    finally:
        stop.set()
        writer.join(10)
        dev.send_signal(signal.SIGTERM)
        dev.wait(30)
    verdict = "\n".join(f"- {text}" for text in wrong) or "The cluster kept serving."
    print(f"\n{verdict}\ndata and logs are in {data}")
    if "--write" in sys.argv:
        text = HEAD + "\n".join(rows) + f"\n\n{verdict}\n"
        (here / "HOSTILE.md").write_text(text)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
