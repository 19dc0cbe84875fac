"""Real proxies: microsocks for SOCKS5, tinyproxy for HTTP CONNECT, each with a user and a password."""

import os
import shutil
import socket
import subprocess

from .configuration import PROXY_PASSWORD
from .waiting import wait_until

USER = "egress"
SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def tool(name, package):
    """The path of a program the scenarios need; fails with the command that installs it."""
    path = shutil.which(name, path=SEARCH_PATH)
    assert path, f"{name} is missing: apt-get install {package} (or run scripts/bootstrap test)"
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Egress:
    """One proxy process on a port of its own."""

    kind = ""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.log_file = directory / f"{self.kind}-{self.port}.log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._accepts, f"{self.kind} on port {self.port} accepts")
        return self

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def settings(self, **changes):
        """The `proxy` of an account, as the configuration writes it."""
        return {"type": self.kind, "host": "127.0.0.1", "port": self.port, "username": USER,
                "password": PROXY_PASSWORD, **changes}

    def _accepts(self):
        assert self.process.poll() is None, f"{self.kind} ended: {self.log_file.read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class SOCKSEgress(Egress):
    kind = "socks5"

    def command(self):
        return [tool("microsocks", "microsocks"), "-i", "127.0.0.1", "-p", str(self.port), "-u", USER,
                "-P", PROXY_PASSWORD]


class HTTPEgress(Egress):
    kind = "http"

    def command(self):
        file = self.directory / f"tinyproxy-{self.port}.conf"
        file.write_text("\n".join([
            f"Port {self.port}", "Listen 127.0.0.1", "Timeout 600", "LogLevel Connect", "MaxClients 100",
            f"BasicAuth {USER} {PROXY_PASSWORD}", ""]))
        return [tool("tinyproxy", "tinyproxy-bin"), "-d", "-c", str(file)]
