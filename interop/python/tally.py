"""Cases, each a function whose name says what must hold, and what became of them.

What Quorate does otherwise on purpose is a `differs` beside the case, with the reason: against
Quorate such a case must fail, against etcd (`--reference`) it must pass.
"""

import argparse
import itertools
import os
import signal
import sys
import time
import traceback

LIMIT = 40  # seconds for a case
# What Quorate does otherwise.
MEMBERS = "members are changed by `quorate cluster add`, `remove` and `replace`"
CASES = []
_names = itertools.count()


class NotApplicable(Exception):
    """There is nothing to try here; the text says why."""


def case(function=None, *, differs=None):
    """Adds a case; `differs` is the reason why Quorate does otherwise."""
    if function is None:
        return lambda function: case(function, differs=differs)
    CASES.append((function, differs))
    return function


def name():
    """A name that nobody has used."""
    return f"interop-{os.getpid():x}-{time.time_ns():x}-{next(_names)}"


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(error, text, attempt):
    """The attempt must fail with this kind of error, and say this."""
    try:
        found = attempt()
    except error as refusal:
        assert text in f"{refusal} {refusal.__cause__}", f"{refusal!r}"
    else:
        raise AssertionError(f"not refused: {found!r}")


def until(attempt, seconds=10):
    """Tries again until the attempt gives something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = attempt()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", default="127.0.0.1:2379", help="all nodes, with commas between")
    parser.add_argument("--reference", action="store_true", help="the server is etcd")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    found, rest = parser.parse_known_args()
    found.endpoint, found.rest = found.endpoint.split(","), rest
    return found


def _expired(*_):
    raise AssertionError(f"not within {LIMIT} s")


def _attempt(function, stage):
    signal.alarm(LIMIT)
    try:
        function(stage)
        return "passed", ""
    except NotApplicable as reason:
        return "n/a", str(reason)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        here = [frame for frame in frames if os.path.dirname(__file__) in frame.filename]
        line = f"{os.path.basename(here[-1].filename)}:{here[-1].lineno}" if here else ""
        return "FAILED", f"{line}: {type(error).__name__}: {' '.join(str(error).split())[:400]}"
    finally:
        signal.alarm(0)


def run(title, stage, options):
    """Runs all cases; ends the process with what became of them."""
    signal.signal(signal.SIGALRM, _expired)
    counts = dict.fromkeys(("passed", "FAILED", "differs", "n/a"), 0)
    for function, differs in CASES:
        label = function.__name__.replace("_", " ")
        if options.only not in label:
            continue
        word, why = _attempt(function, stage)
        if differs and not options.reference:
            if word == "FAILED":
                word, why = "differs", differs
            elif word == "passed":
                word, why = "FAILED", "it is a documented difference, but passed"
        counts[word] += 1
        print(f"{word:<8} {label}{' - ' + why if why else ''}", flush=True)
    print(
        f"{title}: {counts['passed']} passed, {counts['FAILED']} failed, "
        f"{counts['differs']} documented differences, {counts['n/a']} not applicable",
        flush=True,
    )
    # Threads of a client that hangs must not keep the process.
    os._exit(1 if counts["FAILED"] or not counts["passed"] else 0)


if __name__ == "__main__":
    sys.exit("this is what the other files stand on")
