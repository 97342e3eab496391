#!/usr/bin/env python3
"""The binary as it is released: compiled for what its nodes do under load.

    deploy/release.py [--out target/profiled/quorate]

    instrumented build ─▶ three nodes under load, a simulation ─▶ profile ─▶ the build that uses it

The compiler lays out and inlines what the profile saw often; the sources, the flags and the answers
are those of `cargo build --release`, and a node takes a fifth less of the processor (ADR 21). What
no profile has seen is compiled for size: a new gateway or program belongs into `train`.

Needs `rustup component add llvm-tools` and nothing else; about a quarter of an hour on two cores.
"""

import argparse
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))
import clusters  # noqa: E402

# What clients do: flags of the generator, and for how many seconds. Writes come first and long:
# flushes and merges of tables belong to them.
ETCD = [
    (["--clients", "64"], 10),
    (["--clients", "256"], 12),
    (["--clients", "1000"], 8),
    (["--clients", "64", "--reads", "100"], 3),
    (["--clients", "64", "--reads", "100", "--work", "serializable"], 2),
    (["--clients", "64", "--work", "cas"], 5),
    (["--clients", "64", "--work", "lock"], 5),
    (["--clients", "64", "--work", "lease"], 3),
    (["--clients", "64", "--work", "keep-alive"], 2),
]
PIPES = [
    (["--clients", "64"], 5),
    (["--clients", "256", "--reads", "50"], 5),
    (["--clients", "64", "--reads", "100", "--spread"], 2),
]


def run(*command, cwd=ROOT, **more):
    subprocess.run([str(part) for part in command], check=True, cwd=cwd, **more)


def host():
    told = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return next(line.split()[1] for line in told.splitlines() if line.startswith("host:"))


def profdata(triple):
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True,
                             check=True).stdout.strip()
    tool = pathlib.Path(sysroot) / "lib/rustlib" / triple / "bin/llvm-profdata"
    if not tool.exists():
        sys.exit(f"{tool} is missing: rustup component add llvm-tools")
    return tool


def build(triple, directory, flags):
    """With a triple named, build scripts and macros are compiled without the flags."""
    flags = f"{os.environ.get('RUSTFLAGS', '')} {flags}".strip()
    run("cargo", "build", "--release", "-p", "quorate", "--target", triple, "--target-dir",
        directory, env={**os.environ, "RUSTFLAGS": flags})
    return directory / triple / "release/quorate"


def load(binary, generator, directory):
    """Three nodes under every kind of load, stopped, started on what they wrote, loaded again."""
    for loads in (ETCD, ETCD[:1]):
        cluster = clusters.quorate(binary, directory)
        try:
            cluster.whole(generator)
            for flags, seconds in loads:
                run(generator, "--endpoint", ",".join(cluster.endpoints), "--connections", "6",
                    "--warm-up", "0", "--seconds", seconds, *flags, stdout=subprocess.DEVNULL)
            run(generator, "--endpoint", cluster.endpoints[0], "watch", "--watchers", "2000",
                "--watched-keys", "2000", "--put-rate", "0", "--write-seconds", "3",
                stdout=subprocess.DEVNULL)
            http = f"{clusters.HOST}:{clusters.BASE + 1}"
            run(binary, "keyspace", "create", "default", "-e", http, stdout=subprocess.DEVNULL)
            for flags, seconds in PIPES:
                run(binary, "bench", "-e", http, "--warm-up", "0", "--seconds", seconds, *flags,
                    stdout=subprocess.DEVNULL)
        finally:
            cluster.stop()


def train(binary, generator, raw):
    """Runs what the release is compiled for. A node writes its profile when it stops."""
    os.environ["LLVM_PROFILE_FILE"] = str(raw / "%m-%p.profraw")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="quorate-release.", dir=raw.parent))
    try:
        load(binary, generator, scratch)
        run(binary, "sim", "run", "--seeds", "20", stdout=subprocess.DEVNULL)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def step(name):
    began = time.monotonic()
    print(f"== {name}", flush=True)
    yield
    print(f"== {name}: {time.monotonic() - began:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/profiled/quorate")
    out = parser.parse_args().out.resolve()
    triple = host()
    merge = profdata(triple)
    work = ROOT / "target/profiled"
    raw, profile = work / "raw", work / "profile"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    with step("the generator of load"):
        run("cargo", "build", "--release", cwd=ROOT / "bench/etcdload")
        generator = ROOT / "bench/etcdload/target/release/etcdload"
    with step("the instrumented build"):
        binary = build(triple, work / "instrumented", f"-Cprofile-generate={raw}")
    with step("the loads"):
        train(binary, generator, raw)
    with step("the profile"):
        run(merge, "merge", "-o", profile, raw)
    with step("the build that uses it"):
        shutil.copy2(build(triple, work / "used", f"-Cprofile-use={profile}"), out)
    run(out, "--version")
    print(out)


main()
