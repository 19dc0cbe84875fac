"""A redis-server of a test's own that keeps what it acknowledged, also when it is killed."""

import os
import shutil
import subprocess
import tempfile

from .egress import tool
from .waiting import wait_until


class SharedStore:
    """On a socket in a folder of its own, because the name of a socket has at most 107 bytes."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="gateway-store-")
        self.path = os.path.join(self.folder, "r.sock")
        self.process = None
        self.start()

    @property
    def url(self):
        return f"redis+unix://{self.path}?db=0"

    def start(self):
        command = [
            tool("redis-server", "redis-server"), "--port", "0", "--unixsocket", self.path, "--dir", self.folder, "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", "--logfile", os.path.join(self.folder, "r.log")]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.ask("PING") == "PONG", "redis-server answers")

    def ask(self, *words):
        done = subprocess.run(
            [tool("redis-cli", "redis-tools"), "-s", self.path, *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
