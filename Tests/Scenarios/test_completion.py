"""The scripts of `gateway completion` complete commands in the shells they are for."""

import os
import shutil
import subprocess

import pytest

from harness.gateway import BINARY

BASH = r"""
source <(gateway completion bash)
COMP_LINE=$1
COMP_POINT=${#COMP_LINE}
# As bash cuts it: at blanks, and at = and : which are words of their own.
read -ra COMP_WORDS <<< "$(sed 's/\([=:]\)/ \1 /g' <<< "$COMP_LINE")"
[[ $COMP_LINE == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMPREPLY=()
_gateway
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gateway").symlink_to(BINARY.resolve())
    (tmp_path / "gateway.yaml").write_text("chain: []\n")
    return {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "xterm"}


@pytest.mark.parametrize("line, expected", [
    ("gateway relo", ["reload"]),
    ("gateway config d", ["diff", "docs"]),
    ("gateway logs --level w", ["warning"]),
    # Behind an equals sign bash replaces only what follows it.
    ("gateway logs --level=w", ["warning"]),
    ("gateway serve --config gate", ["gateway.yaml"]),
    ("gateway logs --fo", ["--follow"]),
])
def test_bash_completes(environment, tmp_path, line, expected):
    done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", line], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == expected, done.stderr


def test_fish_completes(environment, tmp_path):
    assert shutil.which("fish"), "fish is missing: apt-get install fish"
    done = subprocess.run(
        ["fish", "--no-config", "-c", "gateway completion fish | source; complete -C 'gateway config d'; "
         "complete -C 'gateway serve --config gate'"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["diff", "docs", "gateway.yaml"], done.stderr
    assert "What a reload" not in done.stderr


ZSH = r"""
autoload -Uz compinit
compinit -u -D
source <(gateway completion zsh)
zmodload zsh/zpty
# What the function offers, without a terminal: _describe is asked to print it.
_describe() { local name=$2; print -l -- "${(@P)name}"; }
words=(gateway config d)
CURRENT=3
_gateway
"""


def test_zsh_completes(environment, tmp_path):
    assert shutil.which("zsh"), "zsh is missing: apt-get install zsh"
    done = subprocess.run(["zsh", "-f", "-c", ZSH], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["diff", "docs"], done.stderr
    assert "Prints what a reload would change." in done.stdout
