#!/usr/bin/env python3
"""Measures the gateway beside nginx, in one run, in interleaved rounds.

Every figure of speed is processor time of the proxy divided by what it carried, and is quoted as the median
over the rounds of the ratio within a round, because the machine's own mood cancels there. The proxy has
one core, the load and the upstream the other. Throughput is what one loop carries. Prints a table; appends one JSON line to results/runs.jsonl.

Usage: bench.py [--rounds N] [--seconds S] [--only NAME]... [--smoke]
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import socket
import statistics
import subprocess
import tempfile
import time

import loads
import proxies
from proxies import KEY, ROOT

RESULTS = pathlib.Path(__file__).resolve().parent / "results"

# The figures: name, unit, the most that is allowed; None: a price that is stated. All but `sealed_us` with a relaxed ledger.
BUDGETS = {
    "plain": ("CPU per plain exchange, ratio to nginx", 0.90),
    "events": ("CPU per streamed event, ratio to nginx", 0.90),
    "tls": ("CPU per exchange with a TLS upstream, ratio to nginx", 0.90),
    "plugins_us": ("five plugins add to an exchange, µs", None),
    "sealed_us": ("a sealed ledger adds to an exchange, µs", None),
    "relaxed_memory": ("exchanges a second, ledger relaxed, limits in memory", None),
    "sealed_memory": ("exchanges a second, ledger sealed, limits in memory", None),
    "relaxed_redis": ("exchanges a second, ledger relaxed, limits in Redis", None),
    "sealed_redis": ("exchanges a second, ledger sealed, limits in Redis", None),
    "idle_mb": ("idle gateway, MB resident", 20.0),
    "connection_kb": ("an idle client connection, KB", 20.0),
    "stream_kb": ("an open stream, KB", 48.0),
    "ready_ms": ("ready to serve after, ms", 50.0),
}


# They are measured together, by turns.
THROUGHPUT = ["relaxed_memory", "sealed_memory", "relaxed_redis", "sealed_redis"]


def cost_us(proxy, load, seconds):
    """Processor time of the proxy for one unit of the load, in microseconds."""
    before = proxy.cpu_seconds()
    count = load.run(proxy.port, seconds)
    return (proxy.cpu_seconds() - before) / count * 1e6


def compare(first, second, load, rounds, seconds):
    """Runs both by turns; returns the costs of each round as pairs (first, second)."""
    for proxy in (first, second):
        load.run(proxy.port, 1)
    pairs = []
    for number in range(rounds):
        order = (first, second) if number % 2 == 0 else (second, first)
        costs = {proxy: cost_us(proxy, load, seconds) for proxy in order}
        pairs.append((costs[first], costs[second]))
    return pairs


def summary(pairs):
    ratios = [gateway / nginx for gateway, nginx in pairs]
    return {
        "ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios),
        "gateway_us": statistics.median(gateway for gateway, _ in pairs),
        "nginx_us": statistics.median(nginx for _, nginx in pairs),
    }


class Bench:
    def __init__(self, directory, rounds, seconds):
        self.directory, self.rounds, self.seconds = directory, rounds, seconds
        loads.build(directory)
        self.authority = loads.certificates(directory)
        self.upstream = loads.Upstream(directory)
        self.figures = {}

    def pair(self, name, upstream_url, load, authority=None):
        nginx = proxies.Nginx(self.directory / f"nginx-{name}", upstream_url, authority).start()
        gateway = proxies.Gateway(self.directory / f"gateway-{name}", upstream_url, authority).start()
        try:
            self.figures[name] = summary(compare(gateway, nginx, load, self.rounds, self.seconds))
        finally:
            gateway.stop()
            nginx.stop()

    def plain(self):
        self.pair("plain", self.upstream.url, loads.Exchanges(self.directory))

    def events(self):
        self.pair("events", self.upstream.url, loads.Streams(self.directory))

    def tls(self):
        self.pair("tls", self.upstream.tls_url, loads.Exchanges(self.directory), self.authority)

    def plugins_us(self):
        """What the chain costs: the same binary with the five plugins and with none."""
        self.difference(
            "plugins_us", proxies.Gateway(self.directory / "gateway-five", self.upstream.url),
            proxies.Gateway(self.directory / "gateway-none", self.upstream.url, is_bare=True))

    def sealed_us(self):
        """What it costs that the last bytes of each answer wait for the disk."""
        self.difference(
            "sealed_us", proxies.Gateway(self.directory / "gateway-sealed", self.upstream.url, durability="sealed"),
            proxies.Gateway(self.directory / "gateway-relaxed", self.upstream.url))

    def difference(self, name, more, less):
        try:
            pairs = compare(more.start(), less.start(), loads.Exchanges(self.directory), self.rounds, self.seconds)
        finally:
            more.stop()
            less.stop()
        differences = [first - second for first, second in pairs]
        self.figures[name] = {
            "value": statistics.median(differences), "lowest": min(differences), "highest": max(differences)}

    def throughput(self):
        """What one loop carries: rows of the ledger that are waited for or not, limits here or in a Redis."""
        redis = proxies.Redis(self.directory / "redis").start()
        gateways = {}
        load = loads.Exchanges(self.directory)
        rounds = {name: [] for name in THROUGHPUT}
        try:
            for name in THROUGHPUT:
                durability, limits = name.split("_")
                gateways[name] = proxies.Gateway(
                    self.directory / f"gateway-{name}", self.upstream.url, durability=durability,
                    store=redis.url if limits == "redis" else None).start()
                load.run(gateways[name].port, 1)
            for number in range(self.rounds):
                order = THROUGHPUT[number % 4:] + THROUGHPUT[:number % 4]
                for name in order:
                    rounds[name].append(self._carried(gateways[name], redis, load))
        finally:
            for proxy in [*gateways.values(), redis]:
                proxy.stop()
        for name, found in rounds.items():
            each = [per_second for per_second, _, _ in found]
            self.figures[name] = {
                "value": statistics.median(each), "lowest": min(each), "highest": max(each),
                "cpu_us": statistics.median(cpu for _, cpu, _ in found), "redis_us": statistics.median(cpu for _, _, cpu in found)}

    def _carried(self, gateway, redis, load):
        """Exchanges a second, and the processor time of gateway and Redis for each in microseconds."""
        before, redis_before = gateway.cpu_seconds(), redis.cpu_seconds()
        count = load.run(gateway.port, self.seconds)
        return (count / self.seconds, (gateway.cpu_seconds() - before) / count * 1e6,
                (redis.cpu_seconds() - redis_before) / count * 1e6)

    relaxed_memory = sealed_memory = relaxed_redis = sealed_redis = throughput

    def idle_mb(self):
        gateway = proxies.Gateway(self.directory / "gateway-idle", self.upstream.url).start()
        try:
            self.figures["idle_mb"] = {"value": gateway.resident_bytes() / 1e6}
        finally:
            gateway.stop()

    def connection_kb(self):
        """Resident memory for each client connection that has had one exchange and is kept."""
        count = 2000
        raise_descriptor_limit()
        request = loads.request_file(self.directory, is_stream=False).read_bytes()
        self.figures["connection_kb"] = {"value": self._held(count, request, b'"output_tokens":150}}') / 1024}

    def stream_kb(self):
        """Resident memory for each stream that is open and flowing."""
        count = 500
        raise_descriptor_limit()
        request = loads.request_file(self.directory, is_stream=True).read_bytes()
        slow = loads.Upstream(self.directory, events=100_000, interval_ms=200)
        try:
            value = self._held(count, request, b"content_block_delta", slow.url)
            self.figures["stream_kb"] = {"value": value / 1024}
        finally:
            slow.stop()

    def _held(self, count, request, marker, url=None):
        """Bytes of resident memory for each of `count` connections that sent `request` and saw `marker`."""
        gateway = proxies.Gateway(self.directory / f"gateway-held-{count}", url or self.upstream.url).start()
        held = []
        try:
            self._hold(gateway, 20, request, marker, held)
            before = gateway.resident_bytes()
            self._hold(gateway, count, request, marker, held)
            return (gateway.resident_bytes() - before) / count
        finally:
            for connection in held:
                connection.close()
            gateway.stop()

    def _hold(self, gateway, count, request, marker, held):
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", gateway.port))
            connection.settimeout(20)
            held.append(connection)
            connection.sendall(request)
            seen = b""
            while marker not in seen:
                piece = connection.recv(65536)
                if not piece:
                    raise loads.Failure(f"bench: the gateway closed a connection: {seen[:300]!r}")
                seen += piece

    def ready_ms(self):
        times = []
        for number in range(11):
            gateway = proxies.Gateway(self.directory / f"gateway-ready-{number}", self.upstream.url)
            started = time.monotonic()
            gateway.start(poll_seconds=0.0005)
            times.append((time.monotonic() - started) * 1000)
            gateway.stop()
        self.figures["ready_ms"] = {"value": statistics.median(times), "lowest": min(times), "highest": max(times)}


def raise_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


def table(figures):
    lines = [f"{'figure':54} {'measured':>9} {'budget':>7}   spread"]
    is_good = True
    for name, (text, budget) in BUDGETS.items():
        if name not in figures:
            continue
        figure = figures[name]
        value = figure.get("ratio", figure.get("value"))
        within = budget is None or value <= budget
        is_good = is_good and within
        spread = f"{figure['lowest']:.2f} to {figure['highest']:.2f}" if "lowest" in figure else ""
        if "gateway_us" in figure:
            spread += f"; {figure['gateway_us']:.1f} µs, nginx {figure['nginx_us']:.1f} µs"
        if "cpu_us" in figure:
            spread += f"; {figure['cpu_us']:.1f} µs each"
            if figure["redis_us"] > 0.1:
                spread += f", and {figure['redis_us']:.1f} µs of redis-server"
        lines.append(f"{text:54} {value:9.2f} {'-' if budget is None else f'{budget:.2f}':>7}{' ' if within else '!'}  {spread}")
    return "\n".join(lines), is_good


def revision():
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def main():
    parser = argparse.ArgumentParser(description="Measures the gateway beside nginx.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--only", action="append", choices=list(BUDGETS))
    parser.add_argument("--smoke", action="store_true", help="one short round of everything: does the bench work?")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.rounds, arguments.seconds = 1, 1
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory:
        bench = Bench(pathlib.Path(directory), arguments.rounds, arguments.seconds)
        try:
            for name in arguments.only or BUDGETS:
                if name in bench.figures:
                    continue
                print(f"bench: {BUDGETS[name][0]}", flush=True)
                getattr(bench, name)()
        finally:
            bench.upstream.stop()
    text, is_good = table(bench.figures)
    print(text)
    print("every budget holds" if is_good else "! marks a budget that does not hold")
    RESULTS.mkdir(exist_ok=True)
    line = {"time": int(time.time()), "revision": revision(), "cores": os.cpu_count(), "kernel": platform.release(),
            "rounds": arguments.rounds, "seconds": arguments.seconds, "figures": bench.figures}
    with open(RESULTS / "runs.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
