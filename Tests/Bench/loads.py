"""What is sent through the proxies: the upstream, the load programs, and the request they send."""

import json
import pathlib
import re
import subprocess

from proxies import KEY, LOAD_CORE, pinned, tool

HERE = pathlib.Path(__file__).resolve().parent

WRK_SCRIPT = """
local file = io.open("%s", "rb")
local text = file:read("*a")
file:close()
local head, body = text:match("^(.-)\\r\\n\\r\\n(.*)$")
wrk.method, wrk.body = "POST", body
for name, value in head:gmatch("\\r\\n([^:\\r\\n]+): ([^\\r\\n]*)") do
  if name ~= "Content-Length" then wrk.headers[name] = value end
end
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("COUNTED %%d %%d", summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


class Failure(SystemExit):
    pass


def build(directory):
    """Compiles the upstream and the load into `directory`."""
    for name, libraries in (("upstream", ["-lssl", "-lcrypto"]), ("load", [])):
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", directory / name, HERE / f"{name}.c", *libraries],
                       check=True)


def certificates(directory):
    """An authority and a certificate for localhost, made for this run."""
    def openssl(*arguments):
        subprocess.run([tool("openssl"), *arguments], cwd=directory, check=True, capture_output=True)

    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Bench authority",
            "-keyout", "authority.key", "-out", "authority.pem")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.pem")
    return directory / "authority.pem"


def request_file(directory, is_stream):
    """A request as Claude Code sends it, with a body of 1.9 KB."""
    body = {"model": "claude-bench-1", "messages": [{"role": "user", "content": "x" * 1400}],
            "system": [{"type": "text", "text": "You are a benchmark. " * 10}],
            "metadata": {"user_id": json.dumps({"device_id": "0" * 64, "session_id": "5a0e8a52"})}, "max_tokens": 128}
    text = json.dumps({**body, "stream": is_stream}, separators=(",", ":"))
    head = [
        "POST /v1/messages?beta=true HTTP/1.1", "Host: gateway.test", "Accept: application/json",
        f"x-api-key: {KEY}", "Content-Type: application/json", "User-Agent: claude-cli/2.1.330 (external, sdk-cli)",
        "X-Claude-Code-Session-Id: 5a0e8a52-6d7a-4a39-9a55-3d6d1f3d2f11", "X-Stainless-Lang: js", "X-Stainless-OS: Linux",
        "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
        "anthropic-version: 2023-06-01", "x-app: cli", f"Content-Length: {len(text)}",
    ]
    path = directory / ("stream.http" if is_stream else "plain.http")
    path.write_bytes(("\r\n".join(head) + "\r\n\r\n" + text).encode())
    return path


class Upstream:
    """The bench's upstream: `url` in plain text, `tls_url` under TLS."""

    def __init__(self, directory, events=100, interval_ms=20.0):
        self.process = subprocess.Popen(
            pinned(LOAD_CORE, [directory / "upstream", events, interval_ms, directory / "server.pem", directory / "server.key"]),
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        plain, tls = self.process.stdout.readline().split()
        self.url, self.tls_url = f"http://127.0.0.1:{plain}", f"https://localhost:{tls}"

    def stop(self):
        self.process.kill()
        self.process.wait()


class Exchanges:
    """wrk for some seconds on some connections; counts exchanges."""

    unit = "exchange"

    def __init__(self, directory, connections=64):
        self.connections = connections
        self.script = directory / "post.lua"
        self.script.write_text(WRK_SCRIPT % request_file(directory, is_stream=False))

    def run(self, port, seconds):
        said = subprocess.run(
            pinned(LOAD_CORE, [tool("wrk"), "-t1", f"-c{self.connections}", f"-d{seconds}s", "-s", self.script,
                               f"http://127.0.0.1:{port}/v1/messages?beta=true"]),
            capture_output=True, text=True).stdout
        counted = re.search(r"COUNTED (\d+) (\d+)", said)
        if not counted or int(counted[1]) == 0 or int(counted[2]) > 0:
            raise Failure(f"bench: wrk had failures:\n{said}")
        return int(counted[1])


class Streams:
    """Some event streams for some seconds; counts events."""

    unit = "event"

    def __init__(self, directory, connections=200):
        self.connections = connections
        self.program = directory / "load"
        self.request = request_file(directory, is_stream=True)

    def run(self, port, seconds):
        done = subprocess.run(pinned(LOAD_CORE, [self.program, port, self.connections, f"{seconds}s", self.request]),
                              capture_output=True, text=True)
        exchanges, events, failures = map(int, done.stdout.split() or (0, 0, 1))
        if failures or not events:
            raise Failure(f"bench: {failures} of the streams failed: {done.stderr}")
        return events


def exact_exchanges(directory, port, count, connections=16):
    """Sends exactly `count` plain exchanges."""
    request = request_file(directory, is_stream=False)
    done = subprocess.run(pinned(LOAD_CORE, [directory / "load", port, connections, count, request]),
                          capture_output=True, text=True)
    exchanges, _, failures = map(int, done.stdout.split() or (0, 0, 1))
    if failures or exchanges != count:
        raise Failure(f"bench: {exchanges} of {count} exchanges, {failures} failures: {done.stderr}")
