#!/usr/bin/env python3
"""Runs every test there is and adds the results up.

Each runner is a command that leaves JUnit XML behind; this file knows nothing else about them. A
runner that ran no test has failed: a suite that silently stopped finding its tests is worse than a
red one. The last line printed is `N passed, N failed, N skipped` over all runners.

Scenarios run real processes on a machine that others may use. At most RETRIED_AT_MOST of them that failed are tried
once more, alone. One that passes then is not forgotten: it is named at the end, as something to look into.

Usage: run.py [--only NAME]... [--sanitize address|thread]
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv/bin/python"
RETRIED_AT_MOST = 3


class Runner:
    """One command and where it leaves its results."""

    def __init__(self, name, command, reports, environment=None, limit_seconds=900, retried_in=None):
        self.name = name
        self.retried_in = retried_in
        self.command = [str(word) for word in command]
        self.reports = reports
        self.environment = environment or {}
        self.limit_seconds = limit_seconds

    def run(self):
        """Runs the command and returns (passed, failed, skipped, names of failed tests, names that passed when retried)."""
        passed, failed, skipped, names = self._run_once(self.command)
        if not (self.retried_in and passed and 0 < failed <= RETRIED_AT_MOST and len(names) == failed):
            return passed, failed, skipped, names, []
        print(f"== {self.name}: tries again what failed", flush=True)
        _, still_failed, _, still = self._run_once(self._only(names))
        recovered = [name for name in names if name not in still]
        if not set(still) <= set(names):
            return passed, failed, skipped, names, []
        return passed + len(recovered), still_failed, skipped, still, recovered

    def _only(self, names):
        """The command for those tests instead of their whole folder."""
        place = self.command.index(self.retried_in)
        return [*self.command[:place], *map(node, names), *self.command[place + 1:]]

    def _run_once(self, command):
        """One run: (passed, failed, skipped, names of failed tests)."""
        for report in self.reports:
            report.unlink(missing_ok=True)
        print(f"== {self.name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        try:
            status = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **self.environment}, timeout=self.limit_seconds,
                stdin=subprocess.DEVNULL,
            ).returncode
        except subprocess.TimeoutExpired:
            status = f"no end after {self.limit_seconds} s"
        passed, failed, skipped = 0, 0, 0
        names = []
        for report in self.reports:
            if not report.exists():
                continue
            for case in ElementTree.parse(report).iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    failed += 1
                    names.append(f"{case.get('classname')}.{case.get('name')}")
                elif case.find("skipped") is not None:
                    skipped += 1
                else:
                    passed += 1
        if passed + failed == 0:
            failed, names = 1, ["ran no test"]
        elif status != 0 and failed == 0:
            failed, names = 1, [f"exit status {status} although no test failed"]
        elapsed = time.monotonic() - started
        print(f"== {self.name}: {passed} passed, {failed} failed, {skipped} skipped in {elapsed:.0f} s", flush=True)
        return passed, failed, skipped, names


def node(name):
    """What pytest calls the test that its report calls `name`."""
    module, _, test = name.partition(".test_")
    file, _, case = test.partition(".")
    return f"{module.replace('.', '/')}/test_{file}.py::{case}"


def swift_flags(sanitizer):
    """How the Swift side is built: the build folder and the compiler's flags."""
    if sanitizer is None:
        return ".build", []
    flags = ["--scratch-path", f".build-{sanitizer}", f"--sanitize={sanitizer}"]
    if sanitizer == "thread":
        # Otherwise a plugin's dlopen misses __tsan_external_write, which lives in the executable.
        flags += ["-Xlinker", "--export-dynamic"]
    return f".build-{sanitizer}", flags


def runners(sanitizer):
    build, flags = swift_flags(sanitizer)
    results = ROOT / build / "test-results"
    results.mkdir(parents=True, exist_ok=True)
    environment = {}
    # A scenario mostly waits. Under a sanitizer it mostly computes.
    at_once = (os.cpu_count() or 1) * (1 if sanitizer else 2)
    if sanitizer == "address":
        # Without the search for leaks: what lives as long as the process (the gateway and its loops hold
        # each other) and what a test builds the same way would all be reported at the end.
        environment["ASAN_OPTIONS"] = "abort_on_error=0:exitcode=99:detect_leaks=0"
    if sanitizer == "thread":
        suppressions = ROOT / "Tests/tsan-suppressions.txt"
        environment["TSAN_OPTIONS"] = f"exitcode=99:halt_on_error=0:suppressions={suppressions}"
    if sanitizer is None:
        yield Runner(
            "tidy", [PYTHON, "-m", "pytest", "-q", "Tests/Tidy", f"--junit-xml={results}/tidy.xml"],
            [results / "tidy.xml"])
    # SwiftPM writes XCTest's cases to the file named and Swift Testing's beside it.
    yield Runner(
        "units", ["swift", "test", *flags, "--xunit-output", results / "units.xml"],
        [results / "units.xml", results / "units-swift-testing.xml"],
        environment, limit_seconds=1800)
    yield Runner(
        "scenarios", [PYTHON, "-m", "pytest", "-q", "-n", at_once, "Tests/Scenarios", f"--junit-xml={results}/scenarios.xml"],
        [results / "scenarios.xml"],
        {**environment, "GATEWAY_BINARY": str(ROOT / build / "debug/gateway"), "GATEWAY_SANITIZER": sanitizer or ""},
        limit_seconds=2400, retried_in="Tests/Scenarios")
    if sanitizer is None:
        yield Runner(
            "smokes", [PYTHON, "-m", "pytest", "-q", "Tests/Smoke", f"--junit-xml={results}/smokes.xml"],
            [results / "smokes.xml"], limit_seconds=1800, retried_in="Tests/Smoke")


def main():
    parser = argparse.ArgumentParser(description="Runs every test and adds the results up.")
    parser.add_argument("--only", action="append", help="a runner's name: tidy, units, scenarios, smokes")
    parser.add_argument("--sanitize", choices=["address", "thread"])
    arguments = parser.parse_args()
    if shutil.which("swift") is None:
        sys.exit("run.py: swift is not on the PATH")
    passed, failed, skipped = 0, 0, 0
    failures = []
    recovered = []
    for runner in runners(arguments.sanitize):
        if arguments.only and runner.name not in arguments.only:
            continue
        counts = runner.run()
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
        failures += [f"{runner.name}: {name}" for name in counts[3]]
        recovered += [f"{runner.name}: {name}" for name in counts[4]]
    if recovered:
        print("\nPassed only when tried again (a race in the test or in the gateway, to be found):")
        for name in recovered:
            print(f"  {name}")
    if failures:
        print("\nFailed:")
        for name in failures:
            print(f"  {name}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(1 if failed or not passed else 0)


main()
