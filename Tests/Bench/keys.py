#!/usr/bin/env python3
"""Counts the user instructions of an exchange against a gateway that knows few keys, and one that knows many.

As callgrind.py: two runs that differ only in the number of exchanges, so that starting, with all its keys, cancels.
The keys are written into the store, where the gateway finds them as records; the key of the load stands in the
configuration, and in the same table as they. Also measured, without callgrind: how long the gateway takes to serve, and the memory it then has.

Usage: keys.py [--few N] [--many N] [--exchanges N]
"""

import argparse
import json
import pathlib
import re
import secrets
import sqlite3
import subprocess
import tempfile
import time

import loads
import proxies


def make_gateway(directory, upstream):
    """A gateway with Auth alone, one key in its configuration."""
    gateway = proxies.Gateway(directory, upstream.url, is_bare=True)
    file = directory / "gateway.yaml"
    entry = {"plugin": "Auth", "config": {"keys": [{"name": "bench", "key": proxies.KEY}]}}
    file.write_text(file.read_text().replace("chain: []", f"chain:\n  - {json.dumps(entry)}"))
    return gateway


def fill(directory, upstream, keys):
    """The data folder of a gateway with so many keys; its store is made by a gateway."""
    gateway = make_gateway(directory, upstream)
    gateway.start()
    gateway.stop()
    database = sqlite3.connect(directory / "data/gateway.db")
    with database:
        for number in range(keys):
            digest = secrets.token_hex(32)
            document = {"name": f"key {number}", "enabled": True, "key_hash": digest, "key_hint": "cr_0000…0000"}
            database.execute(
                "INSERT INTO records (collection, id, revision, gone, created, updated, label, document) "
                "VALUES ('keys', ?, ?, 0, 0, 0, ?, ?)",
                (f"key_{number:026}", number + 1, document["name"], json.dumps(document, ensure_ascii=False).encode()))
        database.execute("UPDATE sequence SET revision = ?", (keys,))
    database.close()
    return directory


def instructions(directory, upstream, exchanges):
    output = directory / f"callgrind-{exchanges}.out"
    gateway = proxies.Gateway.__new__(proxies.Gateway)
    gateway.directory = directory
    # Reading the keys is not counted, and so takes a fraction of the time.
    gateway._prefix = [proxies.tool("valgrind"), "--tool=callgrind", f"--callgrind-out-file={output}", "--quiet",
                       "--instr-atstart=no"]
    gateway.start(patience_seconds=600)
    subprocess.run([proxies.tool("callgrind_control"), "-i", "on", str(gateway.process.pid)], check=True, capture_output=True)
    try:
        loads.exact_exchanges(directory.parent, gateway.port, exchanges)
    finally:
        gateway.stop()
    return int(re.search(r"^(?:summary|totals): (\d+)", output.read_text(), re.M)[1])


def start_figures(directory):
    """Seconds until it serves, and resident bytes then."""
    gateway = proxies.Gateway.__new__(proxies.Gateway)
    gateway.directory = directory
    gateway._prefix = []
    begin = time.monotonic()
    gateway.start()
    seconds = time.monotonic() - begin
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    resident = int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1]) * 1024
    gateway.stop()
    return seconds, resident


def main():
    parser = argparse.ArgumentParser(description="User instructions per exchange by the number of known keys.")
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--exchanges", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-keys-") as text:
        directory = pathlib.Path(text)
        loads.build(directory)
        loads.certificates(directory)
        upstream = loads.Upstream(directory)
        try:
            for keys in (options.few, options.many):
                folder = fill(directory / f"gateway-{keys}", upstream, keys)
                seconds, resident = start_figures(folder)
                short = instructions(folder, upstream, options.exchanges // 4)
                long = instructions(folder, upstream, options.exchanges)
                each = (long - short) / (options.exchanges - options.exchanges // 4)
                print(f"{keys:7} keys {each:9.0f} user instructions per exchange, serves after {seconds:.2f} s "
                      f"with {resident / 1e6:.0f} MB", flush=True)
        finally:
            upstream.stop()


if __name__ == "__main__":
    main()
