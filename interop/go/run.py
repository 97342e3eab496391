#!/usr/bin/env python3
"""etcd's own tests of its Go client and of its interface, against Quorate.

    run.py DEBIAN PATH-OF-QUORATE [PATTERN]      clusters are processes of Quorate
    run.py DEBIAN --reference [PATTERN]          the same tests as they are, against etcd

Debian's package golang-etcd-server-dev brings the sources, golang-go the compiler: DEBIAN is where
they are installed (`/`) or unpacked. In a copy the package that makes clusters is replaced by the one
in harness/; the tests stay as they are. Each runs in a process of its own. One that fails is run once
more, alone: many wait for a time and no longer. What differences.txt names is left out, with its
reason there. KEEP=1 keeps what failed wrote.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = ["clientv3/concurrency", "clientv3/integration", "integration"]
# Of the last package, what is about etcd's interface and not about its insides.
KEPT = re.compile(r"(v3.*|main|util)_test\.go")
INSIDES = {"v3_tls_test.go", "v3_watch_restore_test.go"}
PATIENCE = 120
SIDE_BY_SIDE = 4


def overlay(root, code, reference):
    """etcd's sources, with the clusters of Quorate unless it is the reference."""
    tree = root / "src/go.etcd.io/etcd"
    shutil.copytree(code / "src/go.etcd.io/etcd", tree)
    package = tree / "integration"
    for file in package.glob("*.go"):
        insides = not KEPT.fullmatch(file.name) or file.name in INSIDES
        if insides and (not reference or file.name.endswith("_test.go")):
            file.unlink()
    if not reference:
        for file in (HERE / "harness").glob("*.go"):
            shutil.copy(file, package)
    return tree


def build(root, tree, go, code):
    environment = {**os.environ, "GOROOT": str(go), "GOPATH": f"{root}:{code}", "GO111MODULE": "off",
                   "GOFLAGS": "", "GOCACHE": str(root / "cache"), "CGO_ENABLED": "0"}
    tests = []
    for package in PACKAGES:
        binary = root / (package.replace("/", "-") + ".test")
        subprocess.run([go / "bin/go", "test", "-c", "-o", binary, f"./{package}"], cwd=tree,
                       env=environment, check=True)
        listed = subprocess.run([binary, "-test.list", "."], cwd=tree / package, check=True,
                                capture_output=True, text=True).stdout.split()
        tests += [(binary, tree / package, name) for name in listed if name[:4] in ("Test", "Exam")]
    return tests


def run(test):
    """`ok`, `skipped` or `failed`, and what was said."""
    binary, directory, name = test
    command = [binary, "-test.run", f"^{name}$", "-test.v", "-test.timeout", f"{PATIENCE}s"]
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True,
                              timeout=PATIENCE + 30)
    except subprocess.TimeoutExpired as late:
        return "failed", f"not done after {late.timeout} s"
    said = done.stdout + done.stderr
    if done.returncode:
        return "failed", said
    return "skipped" if f"--- SKIP: {name} " in said else "ok", said


def main():
    arguments = sys.argv[1:]
    if len(arguments) not in (2, 3):
        sys.exit(__doc__)
    debian, reference = pathlib.Path(arguments[0]).resolve(), arguments[1] == "--reference"
    go, code = next(debian.glob("usr/lib/go-1.*"), None), debian / "usr/share/gocode"
    if not go or not code.is_dir():
        sys.exit(f"{debian} has no golang-go, or no golang-etcd-server-dev")
    os.environ["QUORATE"] = os.path.abspath(arguments[1])
    pattern = re.compile(arguments[2] if len(arguments) > 2 else "")
    lines = (HERE / "differences.txt").read_text().splitlines()
    different = {line for line in lines if line and not line.startswith("#")}
    root = pathlib.Path(tempfile.mkdtemp(prefix="quorate-go."))
    try:
        tests = build(root, overlay(root, code, reference), go, code)
        unknown = different - {name for _, _, name in tests}
        if unknown:
            sys.exit(f"differences.txt names what is no test: {' '.join(sorted(unknown))}")
        tests = [test for test in tests if pattern.search(test[2])]
        wanted = [test for test in tests if reference or test[2] not in different]
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            results = dict(zip(wanted, pool.map(run, wanted)))
        for test in [test for test in wanted if results[test][0] == "failed"]:
            print(f"again: {test[2]}", flush=True)
            results[test] = run(test)
        failed = [test for test in wanted if results[test][0] == "failed"]
        for test in failed:
            print(f"FAILED {test[2]}\n{results[test][1][-3000:]}")
        count = [outcome for outcome, _ in results.values()].count
        print(f"etcd's own tests: {count('ok')} passed, {count('failed')} failed, "
              f"{count('skipped')} skipped themselves, {len(tests) - len(wanted)} left out")
        sys.exit(bool(failed))
    finally:
        shutil.rmtree(root, ignore_errors=True)


main()
