"""A real redis-server of a test's own, and a relay before it that can be slow."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from .egress import tool
from .waiting import wait_until


class Redis:
    """On a socket in a folder of its own, because the name of a socket has at most 107 bytes."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="gateway-redis-")
        self.path = os.path.join(self.folder, "r.sock")
        self.options = options
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis+unix://{self.path}?db=0"

    def start(self):
        command = [
            tool("redis-server", "redis-server"), "--port", "0", "--unixsocket", self.path, "--dir", self.folder, "--save", "",
            "--appendonly", "no", "--logfile", os.path.join(self.folder, "r.log"), *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, "redis-server answers")

    def _answers(self):
        assert self.process.poll() is None, "redis-server has ended"
        try:
            return self.ask("PING") == b"+PONG"
        except OSError:
            return False

    def ask(self, *words):
        """The first line of the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(self.path)
            parts = [word.encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
            return connection.makefile("rb").readline().strip()

    def kill(self):
        """At once, as a machine that dies; what it knew is gone, unless its options say that it is kept."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class SlowRelay:
    """Passes bytes on to a Redis; its answers are late by `seconds`."""

    def __init__(self, redis):
        self.redis = redis
        self.seconds = 0.0
        self.ended = threading.Event()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"

    def _accept(self):
        while self.is_open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.redis.path)
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source, target, is_answer):
        try:
            while data := source.recv(65536):
                if is_answer and self.seconds:
                    self.ended.wait(self.seconds)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.is_open = False
        self.ended.set()
        self.listener.close()
