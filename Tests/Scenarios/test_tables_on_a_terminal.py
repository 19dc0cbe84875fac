"""On a terminal tables have colours and fit its width; in a pipe they have neither limits nor colours."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from harness.gateway import BINARY


def on_a_terminal(folder, columns, *words, **environment):
    """What the command shows on a terminal that is so wide."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen([BINARY, *words], cwd=folder, stdin=follower, stdout=follower, stderr=follower,
                               env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment})
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 1 << 16)
        except OSError:  # The other end is closed.
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert process.wait(timeout=60) == 0, shown
    return shown.decode()


def bare(text):
    return re.sub(r"\x1b\[[0-9;]*[mK]", "", text).replace("\r", "").strip("\n").split("\n")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gateway.yaml").write_text("chain: [ { plugin: Auth } ]\n")
    (tmp_path / "gateway.yaml").chmod(0o600)
    for name in ("short", "a name that is much longer than anybody would like it to be", "日本語"):
        subprocess.run([BINARY, "keys", "create", "--name", name, "--limit", "1000"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_a_table_fits_its_terminal(folder):
    shown = on_a_terminal(folder, 90, "keys", "list")
    assert "\x1b[1m" in shown
    lines = bare(shown)
    assert all(len(line) <= 90 for line in lines), lines
    assert all(re.match(r"ID |key_[0-9a-z]{26} ", line) for line in lines), "ids are never cut"
    assert any("…" in line for line in lines)


def test_nothing_is_coloured_where_it_is_not_wanted(folder):
    assert "\x1b[1m" not in on_a_terminal(folder, 90, "keys", "list", NO_COLOR="1")
    piped = subprocess.run([BINARY, "keys", "list"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "\x1b" not in piped and "a name that is much longer than anybody would like it to be" in piped


def test_a_deletion_asks(folder):
    leader, follower = pty.openpty()
    process = subprocess.Popen([BINARY, "keys", "delete", "short"], cwd=folder, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    os.write(leader, b"n\n")
    assert process.wait(timeout=60) == 1
    os.close(leader)
    piped = subprocess.run([BINARY, "keys", "list"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "short" in piped
