"""`gateway start`, `restart` and `stop`: a gateway in the background that is there when the command returns."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

from harness.client import RawClient
from harness.configuration import AUTHORIZED, as_yaml, configuration
from harness.gateway import BINARY
from harness.waiting import wait_until


class Operator:
    """Somebody who types commands in a folder with a configuration."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "SWIFT_BACKTRACE": "enable=no"}

    def write(self, tree):
        path = self.folder / "gateway.yaml"
        path.write_text(tree if isinstance(tree, str) else as_yaml(tree))
        path.chmod(0o600)

    def __call__(self, *words):
        return subprocess.run([BINARY, *words], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=90)

    def json(self, *words):
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def operator(tmp_path, upstream):
    operator = Operator(tmp_path)
    operator.write(configuration(upstream.url))
    yield operator
    operator("stop", "--timeout", "20s")


def is_alive(process):
    try:
        state = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return False
    # Whoever adopted it may be slow to fetch its status.
    return state != "Z"


def answered(address):
    with RawClient(address) as client:
        return client.request(headers=AUTHORIZED, body=b'{"model":"m","max_tokens":1,"messages":[]}').status


def test_start_returns_when_it_answers(operator):
    started = operator("start")
    assert started.returncode == 0, started.stderr
    assert "started: process" in started.stdout and "data/gateway.log" in started.stdout
    status = operator.json("status")
    assert answered(status["addresses"][0]) == 200
    # Not a child of ours, and in a session of its own: a closed terminal does not end it.
    assert os.getsid(status["process"]) == status["process"]
    # A second start changes nothing.
    again = operator.json("start")
    assert again["already"] is True and again["process"] == status["process"]
    assert "ready" in operator("logs").stdout

    restarted = operator("restart")
    assert restarted.returncode == 0, restarted.stderr
    new = operator.json("status")
    assert new["process"] != status["process"] and not is_alive(status["process"])

    assert operator("stop").returncode == 0
    assert not is_alive(new["process"])
    assert operator("status").returncode == 4


def test_why_it_did_not_start_is_said(operator, upstream):
    operator.write(configuration(upstream.url, listen="203.0.113.1:1"))
    refused = operator("start")
    assert refused.returncode == 1
    assert "203.0.113.1:1" in refused.stderr and "it did not start" in refused.stderr
    operator.write("chian: []\n")
    invalid = operator("start")
    assert invalid.returncode == 3 and 'Did you mean "chain"?' in invalid.stderr
    assert operator("status").returncode in (3, 4)


def test_a_mistake_in_the_configuration_stops_nothing(operator, upstream):
    process = operator.json("start")["process"]
    operator.write(configuration(upstream.url, keys=[{"name": "a", "kee": "b"}]))
    refused = operator("restart")
    assert refused.returncode == 3 and "kee" in refused.stderr
    assert operator.json("status")["process"] == process


def test_it_logs_to_the_file_also_after_a_reload(operator, upstream):
    operator.json("start")
    assert operator("reload").returncode == 0
    lines = [json.loads(line) for line in operator("logs", "--json", "-n", "1000").stdout.splitlines()]
    assert [line["msg"] for line in lines if line["msg"] in ("ready", "reloaded")] == ["ready", "reloaded"]
    assert (operator.folder / "data" / "start.log").read_text() == ""
    log = operator.folder / "data" / "gateway.log"
    assert log.stat().st_mode & 0o007 == 0


def test_logs_follow_through_a_rename(operator):
    operator.write("log: { file: my.log }\nchain: [ { plugin: Auth } ]\n")
    log = operator.folder / "my.log"
    line = '{"ts":"2025-11-23T18:03:04.123Z","level":"%s","msg":"%s"}\n'
    log.write_text(line % ("info", "old"))
    seen = operator.folder / "seen.txt"
    with open(seen, "wb") as stream:
        process = subprocess.Popen([BINARY, "logs", "-f", "--level", "warning"], cwd=operator.folder,
                                   stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=operator.environment,
                                   # Whoever started these tests may ignore it, which is inherited.
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        def append(level, message):
            with open(log, "a") as stream:
                stream.write(line % (level, message))

        def shown(message):
            assert process.poll() is None, seen.read_text()
            return message in seen.read_text()

        append("warning", "first")
        wait_until(lambda: shown("first"), "the new line is shown")
        append("info", "unimportant")
        log.rename(operator.folder / "my.log.1")
        append("error", "second")
        wait_until(lambda: shown("second"), "the line of the new file is shown")
        assert seen.read_text().splitlines() == [
            "2025-11-23 18:03:04.123 warning  first", "2025-11-23 18:03:04.123 error    second"]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)


def test_the_doctor_names_what_to_mend(operator, upstream):
    well = operator("doctor", "--json")
    findings = json.loads(well.stdout)
    assert findings["faults"] == 0 and well.returncode == 0, well.stdout
    assert {"configuration", "plugins", "upstream", "port"} <= {finding["subject"] for finding in findings["findings"]}
    upstream.stop()
    (operator.folder / "data").chmod(0o755)
    ill = operator("doctor")
    assert ill.returncode == 1
    assert "chmod 700" in ill.stdout and "was refused" in ill.stdout and "2 faults" in ill.stdout
    operator.write("chian: []\n")
    assert operator("doctor").returncode == 3
