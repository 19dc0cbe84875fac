"""The two proxies that are measured beside each other, and what they cost.

Cost is the time the proxy's threads were on a processor, from /proc/PID/task/*/schedstat: what other
processes do on the machine hardly enters it.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROXY_CORE, LOAD_CORE = "1", "0"
KEY = "cr_bench_0123456789abcdef0123456789abcdef"
_never = threading.Event()


def tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise SystemExit(f"{name} is missing: run scripts/bootstrap test")
    return path


def pinned(core, command):
    """The command on one core, where the machine has two."""
    words = [str(word) for word in command]
    return [tool("taskset"), "-c", core, *words] if os.cpu_count() > 1 else words


def wait_until(condition, what, seconds=20, every_seconds=0.005):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"bench: after {seconds} s still not: {what}")
        _never.wait(every_seconds)
    return value


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Proxy:
    """A process that relays from `port` to the bench's upstream."""

    process = None
    port = 0

    def cpu_seconds(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise SystemExit("bench: no VmRSS")

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


class Nginx(Proxy):
    """One worker, keep-alive to both sides, no access log."""

    def __init__(self, directory, upstream_url, authority=None):
        self.directory = directory
        directory.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        scheme, _, address = upstream_url.partition("://")
        temporary = "\n".join(f"  {kind}_temp_path {directory}/{kind};"
                              for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        secure = f"""
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {authority};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;""" if scheme == "https" else ""
        (directory / "nginx.conf").write_text(f"""
daemon off;
master_process off;
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  keepalive_requests 100000000;
{temporary}
  upstream api {{
    server {address.replace("localhost", "127.0.0.1")};
    keepalive 1024;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location / {{
      proxy_pass {scheme}://api;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header x-api-key upstream-key;
      proxy_buffering off;{secure}
    }}
  }}
}}
""")

    def start(self):
        self.process = subprocess.Popen(
            pinned(PROXY_CORE, [tool("nginx"), "-p", self.directory, "-c", self.directory / "nginx.conf"]),
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: accepts(self.port), "nginx accepts")
        return self


class Redis(Proxy):
    """A server of its own on loopback, on the load's core, that keeps everything in memory."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self.process = subprocess.Popen(
            pinned(LOAD_CORE, [tool("redis-server"), "--bind", "127.0.0.1", "--port", self.port, "--dir", self.directory, "--save", "",
                               "--appendonly", "no"]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: accepts(self.port), "redis-server accepts")
        return self


class Gateway(Proxy):
    """The release build on one loop. `is_bare` leaves the five plugins out; the bench's one conversation stays with one of `accounts`."""

    binary = pathlib.Path(os.environ.get("GATEWAY_BINARY") or ROOT / ".build/release/gateway")

    def __init__(self, directory, upstream_url, authority=None, is_bare=False, prefix=(), durability="relaxed", store=None, accounts=2):
        self.directory = directory
        self._prefix = list(prefix)
        directory.mkdir()
        upstream = {"url": upstream_url, "ca_file": str(authority)} if authority else upstream_url
        chain = [] if is_bare else [
            {"plugin": "Auth", "config": {"keys": [{"name": "bench", "key": KEY}]}},
            {"plugin": "RateLimit", "config": {"per_key": {"requests_per_minute": 1_000_000_000, "concurrency": 100_000}}},
            {"plugin": "AccountPicker", "config": {"accounts": [
                {"name": name, "type": "api-key", "api_key": f"sk-ant-{name}"}
                for name in ["main", "spare", *(f"spare-{number}" for number in range(2, accounts))]]}},
            {"plugin": "SOCKSProxy"},
            {"plugin": "Metrics"},
        ]
        lines = ['listen: "127.0.0.1:0"', "threads: 1", f"upstream: {json.dumps(upstream)}", 'data: "./data"',
                 "log: {level: warning}", "pool: {idle: 2000}", f"ledger: {{durability: {durability}}}"]
        if store:
            lines.append(f"store: {json.dumps(store)}")
        lines += ["chain:" if chain else "chain: []"] + [f"  - {json.dumps(entry)}" for entry in chain]
        file = directory / "gateway.yaml"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o600)

    def start(self, poll_seconds=0.005, patience_seconds=60):
        listen = self.directory / "data/listen.json"
        listen.unlink(missing_ok=True)
        # Of gateways with a common store the key is given, as it is for all of them.
        environment = {"ENCRYPTION_KEY": "0123456789abcdef" * 4, **os.environ, "SWIFT_BACKTRACE": "enable=no"}
        command = [*self._prefix, self.binary, "serve", "--config", self.directory / "gateway.yaml"]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                pinned(PROXY_CORE, command), cwd=self.directory, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)

        def ready():
            if self.process.poll() is not None:
                raise SystemExit("bench: the gateway ended:\n" + (self.directory / "log").read_text()[-3000:])
            try:
                return json.loads(listen.read_text())["addresses"][0]
            except (FileNotFoundError, json.JSONDecodeError):
                return None

        self.port = int(wait_until(ready, "the gateway is ready", patience_seconds, poll_seconds).rsplit(":", 1)[1])
        return self
