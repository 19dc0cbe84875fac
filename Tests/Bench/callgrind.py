#!/usr/bin/env python3
"""Counts the gateway's user instructions per exchange with callgrind: the figure that noise does not touch.

Two runs that differ only in the number of exchanges; the difference divided by the exchanges between them,
so that start-up and shut-down cancel. With five plugins, with none, and streams are left to the bench. Fails when a budget is
exceeded (docs/decisions/0039-what-is-budgeted-is-instructions.md).

Usage: callgrind.py [--exchanges N] [--accounts N]    (instead: five plugins with two accounts and with so many)
"""

import argparse
import json
import pathlib
import re
import tempfile

import bench
import loads
import proxies

BUDGETS = {"five_plugins": 40_000, "no_plugins": 28_000}


def instructions(directory, name, upstream, exchanges, is_bare, accounts=2):
    """User instructions of a gateway that carried this many exchanges, start and stop included."""
    output = directory / f"callgrind-{name}.out"
    prefix = [proxies.tool("valgrind"), "--tool=callgrind", f"--callgrind-out-file={output}", "--quiet"]
    gateway = proxies.Gateway(directory / f"gateway-{name}", upstream.url, is_bare=is_bare, prefix=prefix, accounts=accounts).start()
    try:
        loads.exact_exchanges(directory, gateway.port, exchanges)
    finally:
        gateway.stop()
    found = re.search(r"^(?:summary|totals): (\d+)", output.read_text(), re.M)
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description="User instructions per exchange.")
    parser.add_argument("--exchanges", type=int, default=4000)
    parser.add_argument("--accounts", type=int, help="compare this many with two")
    arguments = parser.parse_args()
    count = arguments.exchanges
    cases = [("five_plugins", False, 2), ("no_plugins", True, 2)]
    if arguments.accounts:
        cases = [("two_accounts", False, 2), (f"{arguments.accounts}_accounts", False, arguments.accounts)]
    with tempfile.TemporaryDirectory(prefix="gateway-callgrind-") as text:
        directory = pathlib.Path(text)
        loads.build(directory)
        loads.certificates(directory)
        upstream = loads.Upstream(directory)
        figures = {}
        try:
            for name, is_bare, accounts in cases:
                short = instructions(directory, f"{name}-short", upstream, count // 4, is_bare, accounts)
                long = instructions(directory, f"{name}-long", upstream, count, is_bare, accounts)
                figures[name] = (long - short) / (count - count // 4)
                budget = f", budget {BUDGETS[name]}" if name in BUDGETS else ""
                print(f"{name.replace('_', ' '):14} {figures[name]:9.0f} user instructions per exchange{budget}", flush=True)
        finally:
            upstream.stop()
    bench.RESULTS.mkdir(exist_ok=True)
    with open(bench.RESULTS / "callgrind.jsonl", "a") as file:
        file.write(json.dumps({"revision": bench.revision(), "exchanges": count, "instructions": figures}) + "\n")
    exceeded = [name.replace("_", " ") for name, budget in BUDGETS.items() if figures.get(name, 0) > budget]
    if exceeded:
        raise SystemExit(f"callgrind: more than the budget: {', '.join(exceeded)}")


if __name__ == "__main__":
    main()
