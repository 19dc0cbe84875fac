"""`gateway run` in an empty folder: a configuration, a key, a demonstration upstream, and a line that streams."""

import os
import re
import shlex
import subprocess

import pytest

from harness.egress import tool
from harness.gateway import BINARY
from harness.waiting import wait_until


@pytest.fixture
def first_run(tmp_path):
    """Starts `gateway run` in an empty folder on a port the kernel chooses; yields (process, said)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")}
    environment["PORT"] = "0"
    output = tmp_path / "said.txt"
    folder = tmp_path / "empty"
    folder.mkdir()
    with open(output, "wb") as stream:
        process = subprocess.Popen([BINARY, "run"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=stream, stderr=stream)
    try:
        yield process, output, folder
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0, output.read_text()


def printed_line(process, output):
    def line():
        assert process.poll() is None, output.read_text()
        text = output.read_text().replace("\\\n", " ")
        return re.search(r"^\s*(curl .*)$", text, re.M)
    return wait_until(line, "a curl line is printed")[1]


def test_the_printed_line_streams_an_answer(first_run):
    process, output, folder = first_run
    command = shlex.split(printed_line(process, output))
    command[0] = tool("curl", "curl")
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert "event: message_stop" in answer.stdout, answer.stdout
    assert "demonstration" in output.read_text().lower(), "it must say loudly that this is no real model"


def test_what_it_leaves_is_private_and_used_again(first_run):
    process, output, folder = first_run
    printed_line(process, output)
    written = folder / "gateway.yaml"
    assert written.stat().st_mode & 0o077 == 0, "the file holds a key: only its owner may read it"
    assert "chain:" in written.read_text()
