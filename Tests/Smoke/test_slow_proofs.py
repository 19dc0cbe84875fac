"""The slow proofs have targets of their own (make fuzz, asan, tsan, bench, callgrind); here each is seen to work, briefly.

What they find in seconds is a gift. The point is that none of them has stopped running, or finding.
"""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CANARY = "canary"
FUZZERS = sorted(re.findall(r'^    "(\w+)": fuzz', (ROOT / "Tests/Fuzz/Fuzzers.swift").read_text(), re.M))


def run(*command, limit_seconds=900):
    """Runs a command of the project to its end; returns the exit status and everything it printed."""
    # As in Tests/run.py: objects that live as long as the process would all be reported as leaks at its end.
    environment = {**os.environ, "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=0"}
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", timeout=limit_seconds)
    return done.returncode, done.stdout


def succeeds(*command):
    status, output = run(*command)
    assert status == 0, output[-6000:]
    return output


@pytest.fixture(scope="session")
def release():
    succeeds("swift", "build", "-c", "release")


def test_there_are_fuzzers():
    assert CANARY in FUZZERS and len(FUZZERS) == len(list((ROOT / "Tests/Fuzz").glob("*Fuzzer.swift"))) > 6


@pytest.mark.parametrize("name", [name for name in FUZZERS if name != CANARY])
def test_the_fuzzer_runs_and_finds_nothing(name):
    output = succeeds("Tests/Fuzz/run", name, "--smoke")
    counted = re.search(r"^stat::number_of_executed_units: (\d+)", output, re.M)
    assert counted and int(counted[1]) >= 20_000, output[-2000:]


def test_a_fuzzer_finds_a_trap_and_writes_the_input_down():
    status, output = run("Tests/Fuzz/run", CANARY, "--runs", "5000000")
    assert status != 0 and "the canary sings" in output, output[-2000:]
    written = re.search(r"Test unit written to (\S+)", output)
    assert written and (ROOT / written[1]).read_bytes().startswith(b"GW")


def test_the_sanitizer_sees_the_contract_kept():
    """Plugins loaded into an instrumented host: the part where C and Swift hand each other memory."""
    output = succeeds(
        "env", "GATEWAY_TESTS=ABITests", "swift", "test", "--scratch-path", ".build-address-abi", "--sanitize=address", "--filter",
        "ABITests")
    counted = re.search(r"Test run with (\d+) tests? .*passed", output)
    assert counted and int(counted[1]) > 20, output[-2000:]


def test_the_bench_measures_every_figure(release):
    output = succeeds(sys.executable, "Tests/Bench/bench.py", "--smoke")
    figures = re.findall(r"^(.{54}) +(-?\d+\.\d\d) +(?:\d+\.\d\d|-)[ !]", output, re.M)
    assert len(figures) == 13, output
    assert all(float(value) > 0 for name, value in figures if " add" not in name), output


def test_callgrind_counts_instructions(release):
    output = succeeds(sys.executable, "Tests/Bench/callgrind.py", "--exchanges", "400")
    five, none = (int(count) for count in re.findall(r"(\d+) user instructions per exchange", output))
    assert 1_000 < none < five < 100_000, output


def test_a_large_ledger_answers_right(release):
    output = succeeds(sys.executable, "Tests/Bench/ledger.py", "--requests", "20000", "--days", "3")
    figures = dict(re.findall(r"^(.{44}) +(\d+\.\d\d)", output, re.M))
    assert len(figures) == 9, output
