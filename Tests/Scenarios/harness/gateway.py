"""A gateway process under test: started from a configuration, watched, ended by its own process id."""

import json
import os
import pathlib
import signal
import subprocess

from .configuration import SECRETS, as_yaml
from .waiting import PATIENCE_SECONDS, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(os.environ.get("GATEWAY_BINARY") or ROOT / ".build/debug/gateway")
IS_SANITIZED = bool(os.environ.get("GATEWAY_SANITIZER"))


class Gateway:
    """`directory` holds its configuration file, its data and its log."""

    def __init__(self, directory, tree, environment=None, secrets=()):
        self.directory = directory
        self.configuration_file = directory / "gateway.yaml"
        self.log_file = directory / "gateway.log"
        self.data = directory / "data"
        self._environment = {**os.environ, "SWIFT_BACKTRACE": "enable=no", **(environment or {})}
        self._secrets = [*SECRETS, *secrets]
        self.process = None
        self.addresses = []
        self.admin_addresses = []
        self.write(tree)

    # Starting and stopping.

    def start(self):
        assert BINARY.exists(), f"{BINARY} is missing: run `make build` or `swift build` first"
        listen_file = self.data / "listen.json"
        listen_file.unlink(missing_ok=True)
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", self.configuration_file], cwd=self.directory, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        listening = wait_until(
            lambda: self._ended() or _listening(listen_file), "the gateway is ready (listen.json)")
        self.addresses, self.admin_addresses = listening["addresses"], listening["admin"]
        return self

    def _ended(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        return None

    @property
    def address(self):
        return self.addresses[0]

    @property
    def url(self):
        return f"http://{self.address}"

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait_for_end(self, seconds=PATIENCE_SECONDS):
        return self.process.wait(timeout=seconds)

    def stop(self):
        """Ends the process and checks that it ended well and wrote down no secret."""
        if self.process is None:
            return
        was_running = self.is_running
        if was_running:
            self.signal(signal.SIGTERM)
            try:
                self.wait_for_end()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the gateway did not end within its patience after SIGTERM") from None
        status, self.process = self.process.returncode, None
        assert status == 0, f"the gateway ended with {status}{'' if was_running else ' before it was stopped'}"
        logged = self.log()
        for secret in self._secrets:
            assert secret not in logged, f"the log contains the secret {secret[:14]}..."

    def kill(self):
        if self.is_running:
            self.process.kill()
            self.process.wait()
        self.process = None

    # Its configuration.

    def write(self, tree):
        self.configuration_file.write_text(tree if isinstance(tree, str) else as_yaml(tree))
        self.configuration_file.chmod(0o600)

    def reload(self, tree=None):
        """Applies a changed file through `gateway reload`; returns (exit status, what it printed)."""
        if tree is not None:
            self.write(tree)
        done = self.run("reload", "--config", self.configuration_file)
        return done.returncode, done.stdout + done.stderr

    def run(self, *arguments, seconds=PATIENCE_SECONDS):
        """Runs another verb of the same binary in the same directory."""
        return subprocess.run(
            [BINARY, *arguments], cwd=self.directory, env=self._environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=seconds)

    # What can be seen of it.

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def resident_bytes(self):
        """What the process holds; 0 under a sanitizer, which keeps memory of its own and what was freed."""
        if IS_SANITIZED:
            return 0
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def thread_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def descriptor_count(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def files_in_data(self):
        return [path for path in self.data.rglob("*") if path.is_file()]


def _listening(listen_file):
    try:
        return json.loads(listen_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
