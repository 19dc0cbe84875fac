"""Real proxies: microsocks for SOCKS5, tinyproxy for HTTP CONNECT, stunnel before it for HTTPS; and one that is silent.

Each wants a user and a password unless it is open to all.
"""

import os
import shutil
import socket
import subprocess
import threading

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

    def __init__(self, directory, port=None, is_open=False):
        self.directory = directory
        self.port = port or free_port()
        self.is_open = is_open
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
        credentials = {} if self.is_open else {"username": USER, "password": PROXY_PASSWORD}
        return {"type": self.kind, "host": "127.0.0.1", "port": self.port, **credentials, **changes}

    def _accepts(self):
        assert self.process.poll() is None, f"{self.kind} ended: {self.log_file.read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class SOCKSEgress(Egress):
    kind = "socks5"

    def command(self):
        credentials = [] if self.is_open else ["-u", USER, "-P", PROXY_PASSWORD]
        return [tool("microsocks", "microsocks"), "-i", "127.0.0.1", "-p", str(self.port), *credentials]


class HTTPEgress(Egress):
    kind = "http"

    def command(self):
        file = self.directory / f"tinyproxy-{self.port}.conf"
        file.write_text("\n".join([
            f"Port {self.port}", "Listen 127.0.0.1", "Timeout 600", "LogLevel Connect", "MaxClients 100",
            *([] if self.is_open else [f"BasicAuth {USER} {PROXY_PASSWORD}"]), ""]))
        return [tool("tinyproxy", "tinyproxy-bin"), "-d", "-c", str(file)]


class HTTPSEgress(Egress):
    """stunnel takes TLS off, and tinyproxy connects. The gateway has to trust the authority of `certificate`."""

    kind = "https"

    def __init__(self, directory, certificate, key, is_open=False):
        super().__init__(directory, is_open=is_open)
        self.certificate, self.key = certificate, key
        self.behind = HTTPEgress(directory, is_open=is_open)

    def start(self):
        self.behind.start()
        return super().start()

    def stop(self):
        super().stop()
        self.behind.stop()

    def command(self):
        file = self.directory / f"stunnel-{self.port}.conf"
        file.write_text("\n".join([
            "foreground = yes", "pid =", "syslog = no", "debug = warning", "[proxy]", f"accept = 127.0.0.1:{self.port}",
            f"connect = 127.0.0.1:{self.behind.port}", f"cert = {self.certificate}", f"key = {self.key}",
            "TIMEOUTclose = 0", ""]))
        return [tool("stunnel4", "stunnel4"), str(file)]


def make_egress(kind, directory, authority, is_open=False):
    """A proxy that has not been started, of the kind socks5, http or https; the gateway trusts `authority` for the last."""
    if kind == "https":
        certificate, key = (shutil.copy(file, directory) for file in authority.issue())
        return HTTPSEgress(directory, certificate, key, is_open=is_open)
    return {"socks5": SOCKSEgress, "http": HTTPEgress}[kind](directory, is_open=is_open)


class SilentEgress:
    """Takes every connection and never says a word; `accepted` counts them."""

    def __init__(self, kind="socks5"):
        self.kind = kind
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._kept = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                self._kept.append(self._listener.accept()[0])
                self.accepted += 1
            except OSError:
                return

    def settings(self, **changes):
        return {"type": self.kind, "host": "127.0.0.1", "port": self.port, **changes}

    def stop(self):
        if self._thread.is_alive():
            # Wakes the thread; closing alone would not.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join()
        self._listener.close()
        for one in self._kept:
            one.close()
        self._kept = []
