"""A real redis-server of a test's own, and a relay before it that can be slow, or lead to another one."""

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
        return self._asked(words, lambda answer: answer.readline().strip())

    def field(self, section, name):
        """One fact of INFO."""
        def read(answer):
            length = int(answer.readline()[1:])
            return answer.read(length).decode()

        lines = dict(line.split(":", 1) for line in self._asked(("INFO", section), read).split("\r\n") if ":" in line)
        return lines.get(name)

    def _asked(self, words, read):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(self.path)
            parts = [word.encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
            return read(connection.makefile("rb"))

    def hang(self):
        """It takes connections and answers nobody, until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def all(self, *words):
        """The elements of an answer that is a list of texts."""
        def read(answer):
            found = []
            for _ in range(int(answer.readline()[1:])):
                length = int(answer.readline()[1:])
                found.append(answer.read(length + 2)[:length].decode())
            return found

        return self._asked(words, read)

    def kill(self):
        """At once, as a machine that dies; what it knew is gone, unless its options say that it is kept."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Replica(Redis):
    """Follows a Redis that was started with `tcp_port()`; returns when it has everything."""

    def __init__(self, primary_port):
        super().__init__("--replicaof", "127.0.0.1", str(primary_port))
        wait_until(lambda: self.field("replication", "master_link_status") == "up", "the replica has its primary")

    def promote(self):
        assert self.ask("REPLICAOF", "NO", "ONE") == b"+OK"


def tcp_port():
    """Options of a Redis that others can follow, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return ["--port", str(port), "--bind", "127.0.0.1"], port


class SlowRelay:
    """Passes bytes on to a Redis; its answers are late by `seconds`. `redis` may become another one: whoever
    connects from then on gets that."""

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
