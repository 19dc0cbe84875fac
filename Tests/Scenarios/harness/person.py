"""Somebody at a terminal: a command of the gateway on a pseudo-terminal, read and typed at."""

import os
import pty
import re
import select
import subprocess
import time

from .waiting import PATIENCE_SECONDS


class Person:
    """Runs `gateway.run`'s binary with a terminal of its own; `screen` is everything that appeared."""

    def __init__(self, gateway, *words):
        from .gateway import BINARY
        self.terminal, inner = pty.openpty()
        self.screen = ""
        self.process = subprocess.Popen(
            [BINARY, *words, "--config", gateway.configuration_file], cwd=gateway.directory, stdin=inner, stdout=inner, stderr=inner,
            env={**os.environ, "TERM": "dumb", "SWIFT_BACKTRACE": "enable=no"}, start_new_session=True)
        os.close(inner)
        self._seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.terminal)

    def reads(self, pattern):
        """Waits until `pattern` appears behind what was read before; returns the match."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = re.search(pattern, self.screen[self._seen:])
            if found:
                self._seen += found.end()
                return found
            assert time.monotonic() < end and self._more(end), f"{pattern!r} did not appear:\n{self.screen}"

    def types(self, text):
        os.write(self.terminal, text.encode())

    def ends(self):
        """Waits for the end; the exit status."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._more(end):
            pass
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def _more(self, end):
        ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
        try:
            data = os.read(self.terminal, 65536) if ready else b""
        except OSError:  # the other side has closed
            data = b""
        self.screen += data.decode(errors="replace")
        return bool(data)
