#!/usr/bin/env python3
"""How the ledger answers when it is large: folding, sums, an export, a rebuild, on a journal of millions of requests.

The journal is written by ledger_rows.c, which prints what it adds up to; every answer is held against that, so a figure
of a wrong answer is never printed. Seconds are processor time of the command, memory is the most that was resident.

Usage: ledger.py [--requests N] [--days N]
"""

import argparse
import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

import bench
import proxies

CLINUX = proxies.ROOT / "Sources/CLibraries/CLinux"
DAY_SECONDS = 86_400


def fill(directory, requests, days):
    """Writes the journal below `directory`; returns what it adds up to."""
    program = directory / "ledger_rows"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-I", CLINUX / "include", "-o", program,
         proxies.ROOT / "Tests/Bench/ledger_rows.c", CLINUX / "checksum.c"], check=True)
    rows = directory / "data/ledger/rows"
    rows.mkdir(parents=True, mode=0o700)
    end = int(time.time()) // DAY_SECONDS * DAY_SECONDS
    return json.loads(subprocess.run(
        [program, rows, str(requests), str(days), str(end)], check=True, capture_output=True, text=True).stdout)


def fold(directory, requests):
    """Serves until the last row is in the sums; returns the processor seconds."""
    gateway = proxies.Gateway.__new__(proxies.Gateway)
    gateway.directory, gateway._prefix = directory, []
    gateway.start(patience_seconds=600)
    try:
        database = sqlite3.connect(f"file:{directory}/data/ledger/rollups.db?mode=ro", uri=True)
        proxies.wait_until(
            lambda: database.execute("SELECT sum(requests) FROM days").fetchone()[0] == requests, "all rows are in the sums",
            seconds=1200, every_seconds=0.5)
        database.close()
        return gateway.cpu_seconds()
    finally:
        gateway.stop()


def ask(directory, *arguments):
    """Runs the command line; returns its output's path, processor seconds and the most resident bytes."""
    output = directory / "output"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            [proxies.Gateway.binary, *arguments, "--config", directory / "gateway.yaml"], cwd=directory, stdout=file)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bench: gateway {' '.join(arguments)} ended with {process.returncode}")
    return output, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def must_be(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"bench: {what} is {found}, and must be {wanted}")


def measure(directory, requests, days):
    directory.mkdir(exist_ok=True)
    gateway = proxies.Gateway(directory / "gateway", "http://127.0.0.1:9", is_bare=True)
    total = fill(gateway.directory, requests, days)
    figures = {}

    def note(name, value, unit):
        figures[name] = round(value, 3)
        print(f"{name:44} {value:10.2f} {unit}", flush=True)

    note("journal", sum(file.stat().st_size for file in (gateway.directory / "data/ledger/rows").iterdir()) / 1e6, "MB")
    note("folding into sums, a million requests", fold(gateway.directory, requests) * 1e6 / requests, "s of processor")
    since = f"{days + 2}d"

    output, seconds, resident = ask(gateway.directory, "usage", "--by", "day,key,model", "--since", since, "--json")
    lines = json.loads(output.read_text())
    for name, value in total.items():
        must_be(name, sum(line[name] for line in lines), value)
    note("usage --by day,key,model", seconds, "s of processor")
    note("usage --by day,key,model, resident", resident / 1e6, "MB")
    note("usage --by day,key,model, lines", len(lines), "")

    output, seconds, resident = ask(gateway.directory, "usage", "rows", "--json")
    count = cost = 0
    with open(output, "rb") as file:
        for line in file:
            row = json.loads(line)
            count, cost = count + 1, cost + row["cost_nano_usd"]
    must_be("the number of exported rows", count, requests)
    must_be("the cost of exported rows", cost, total["cost_nano_usd"])
    note("usage rows --json, a million requests", seconds * 1e6 / requests, "s of processor")
    note("usage rows --json, resident", resident / 1e6, "MB")

    _, seconds, resident = ask(gateway.directory, "ledger", "verify")
    note("ledger verify, a million requests", seconds * 1e6 / requests, "s of processor")
    note("ledger verify, resident", resident / 1e6, "MB")
    return figures


def main():
    parser = argparse.ArgumentParser(description="What a large ledger costs to ask.")
    parser.add_argument("--requests", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-ledger-") as text:
        figures = measure(pathlib.Path(text), options.requests, options.days)
    bench.RESULTS.mkdir(exist_ok=True)
    with open(bench.RESULTS / "ledger.jsonl", "a") as file:
        file.write(json.dumps({"revision": bench.revision(), "requests": options.requests, "figures": figures}) + "\n")


if __name__ == "__main__":
    main()
