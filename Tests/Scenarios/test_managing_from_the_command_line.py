"""Keys and accounts are managed from a terminal, with or without a gateway that serves: its next request uses them."""

import getpass
import json
import os
import stat
import subprocess
import sys
import threading

import pytest

from harness.client import RawClient
from harness.configuration import as_yaml, configuration
from harness.gateway import BINARY
from harness.waiting import wait_until

ACCOUNT_KEY = "sk-ant-canary-from-the-command-line"


class Operator:
    """Somebody who types commands in a folder."""

    def __init__(self, folder, **environment):
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "GATEWAY_", "ENCRYPTION_"))}
        self.environment |= {"SWIFT_BACKTRACE": "enable=no", "PORT": "0", **environment}

    def write(self, tree):
        path = self.folder / "gateway.yaml"
        path.write_text(tree if isinstance(tree, str) else as_yaml(tree))
        path.chmod(0o600)

    def __call__(self, *words, said=None):
        return subprocess.run([BINARY, *words], cwd=self.folder, env=self.environment, input=said if said is not None else "",
                              capture_output=True, text=True, timeout=90)

    def done(self, *words, said=None):
        done = self(*words, said=said)
        assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words, said=None):
        return json.loads(self.done(*words, "--json", said=said))

    @property
    def address(self):
        return self.json("status")["addresses"][0]


def chain():
    return [{"plugin": name} for name in ["Auth", "RateLimit", "AccountPicker", "SOCKSProxy", "Metrics"]]


@pytest.fixture
def operator(tmp_path, upstream):
    """Nothing but a configuration without a key and without an account."""
    operator = Operator(tmp_path)
    tree = configuration(upstream.url)
    tree["chain"] = chain()
    operator.write(tree)
    yield operator
    operator("stop", "--timeout", "20s")


def ask(address, key, model="m"):
    return exchange(address, key, model).status


def exchange(address, key, model="m"):
    body = json.dumps({"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]}).encode()
    with RawClient(address) as client:
        return client.request(
            headers=[("x-api-key", key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")], body=body)


def test_the_four_commands_of_the_seed(operator):
    created = operator.done("keys", "create", "--name", "Test Key", "--limit", "1000")
    assert 'created: key key_' in created and "cr_" in created and "shown once" in created
    listed = operator.done("keys", "list").splitlines()
    assert listed[0].split()[:3] == ["ID", "NAME", "ENABLED"]
    assert len(listed) == 2 and "Test Key" in listed[1] and "1000" in listed[1]
    assert "\x1b" not in "".join(listed), "no colours in a pipe"

    account = operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY + "\n")
    assert ACCOUNT_KEY not in operator.done("accounts", "list")
    tested = operator("accounts", "test", "--id", account["id"])
    assert account["id"] in tested.stdout and "latency_ms" in tested.stdout, tested.stderr

    for words in (["keys", "list"], ["keys", "create", "--name", "Another Key", "--limit", "1000"], ["accounts", "list"],
                  ["accounts", "test", "--id", account["id"]]):
        said = operator(*words, "--json").stdout
        tool = subprocess.run([sys.executable, "-m", "json.tool"], input=said, capture_output=True, text=True)
        assert tool.returncode == 0, f"{words}: {tool.stderr}\n{said}"


def test_every_verb_of_a_resource(operator):
    group = operator.json("groups", "create", "--name", "team")
    key = operator.json("keys", "create", "--name", "laptop", "--groups", "team", "--expires", "30d", "--models", "claude-*,m",
                        "--limits-requests-per-minute", "60")
    assert key["groups"] == [group["id"]] and key["models"] == ["claude-*", "m"] and key["limits"] == {"requests_per_minute": 60}
    shown = operator.done("keys", "show", "laptop")
    assert key["id"] in shown and "team" in shown and key["revealed"]["key"] not in shown
    updated = operator.json("keys", "update", key["id"], "--no-enabled", "--unset", "expires")
    assert updated["enabled"] is False and "expires" not in updated and updated["models"] == ["claude-*", "m"]
    rotated = operator.json("keys", "rotate", "laptop", "--overlap", "60")
    assert rotated["revealed"]["key"] != key["revealed"]["key"]

    taken = operator("keys", "create", "--name", "laptop")
    assert taken.returncode == 6 and "--name" in taken.stderr
    wrong = operator("keys", "update", "laptop", "--limits-requests-per-minute", "0")
    assert wrong.returncode == 6 and "--limits-requests-per-minute" in wrong.stderr
    named = operator("groups", "delete", "team", "--yes")
    assert named.returncode == 6 and "names it" in named.stderr
    assert operator("keys", "delete", "laptop").returncode == 2, "nobody to ask"
    assert operator.json("keys", "delete", "laptop", "--yes") == {"deleted": key["id"]}
    assert operator("keys", "show", "laptop").returncode == 5
    assert operator("groups", "delete", "team", "--yes").returncode == 0
    trail = operator.json("audit", "--resource", "keys")["data"]
    assert [entry["action"] for entry in trail if entry["outcome"] == "done"][-1] == "create"
    # A rotation is performed by the plugin, asked by the command line: both are named.
    assert {entry["actor"].split(":")[0] for entry in trail} == {"cli", "plugin"}
    assert "keys create" in operator.done("audit")
    completed = operator.done("__complete", "keys", "").split("\n")
    assert "rotate" in [line.split("\t")[0] for line in completed]


def test_records_of_the_configuration_are_shown_and_stay(operator, upstream):
    operator.write(configuration(upstream.url))
    listed = operator.json("keys", "list")["data"]
    assert [(record["id"], record["read_only"]) for record in listed] == [("config:laptop", True)]
    refused = operator("keys", "update", "laptop", "--no-enabled")
    assert refused.returncode in (1, 6) and refused.stderr, refused


def test_what_is_created_is_used_by_the_next_request(operator, upstream):
    operator.json("start")
    assert ask(operator.address, "cr_nobodys_key_0123456789") == 401
    key = operator.json("keys", "create", "--name", "first")["revealed"]["key"]
    operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY)
    address = operator.address
    wait_until(lambda: ask(address, key) == 200, "the key and the account are used")
    # A rotation without an overlap ends the old key, and a deletion the account.
    fresh = operator.json("keys", "rotate", "first")["revealed"]["key"]
    wait_until(lambda: ask(address, fresh) == 200, "the new key is used")
    wait_until(lambda: ask(address, key) == 401, "the old key is refused")
    operator.json("accounts", "delete", "main", "--yes")
    wait_until(lambda: ask(address, fresh) == 529, "there is no account any more")
    for path in operator.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert ACCOUNT_KEY.encode() not in content, f"{path} holds the account's key"
            assert key.encode() not in content, f"{path} holds a client's key"


@pytest.fixture
def first_run(tmp_path):
    """`gateway run` in an empty folder, and somebody with a second terminal there."""
    operator = Operator(tmp_path)
    said = tmp_path / "said.txt"
    with open(said, "wb") as stream:
        process = subprocess.Popen([BINARY, "run"], cwd=tmp_path, env=operator.environment, stdin=subprocess.DEVNULL,
                                   stdout=stream, stderr=stream)
    try:
        wait_until(lambda: process.poll() is None and "curl -N" in said.read_text(), "it says how to ask")
        yield operator, said
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_a_second_terminal_beside_the_first_run_while_a_stream_runs(first_run):
    operator, said = first_run
    first_key = next(line.split()[1] for line in said.read_text().splitlines() if line.startswith("  key"))
    address = operator.address
    # A long answer of the demonstration: words come every 25 ms.
    body = json.dumps({"model": "claude-sonnet-5-5", "max_tokens": 400, "stream": True,
                       "messages": [{"role": "user", "content": "word " * 200}]}).encode()
    headers = [("x-api-key", first_key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")]
    with RawClient(address) as client:
        client.request(headers=headers, body=body, read=False)
        response = client.response_head()
        assert response.status == 200
        pieces = []
        reader = threading.Thread(target=lambda: pieces.extend(client.body_pieces(response)))
        reader.start()
        key = operator.json("keys", "create", "--name", "Second Key")["revealed"]["key"]
        operator.json("accounts", "create", "--name", "spare", "--api-key", "-", said=ACCOUNT_KEY)
        wait_until(lambda: ask(address, key) == 200, "the next request uses the key, without a restart", seconds=5)
        assert "spare" in operator.done("accounts", "list") and "config:main" in operator.done("accounts", "list")
        assert operator.json("accounts", "test", "spare")["ok"] is True, "it asks the demonstration, not the real API"
        reader.join(timeout=60)
        assert not reader.is_alive()
    stream = b"".join(pieces)
    assert b"event: message_stop" in stream, "the stream that ran meanwhile came to its end"


def test_setup_makes_what_is_missing_once(tmp_path, upstream):
    operator = Operator(tmp_path, GATEWAY_UPSTREAM=upstream.url)
    made = operator.json("setup")
    assert all(made[part]["made"] for part in ("configuration", "master_key", "admin_user", "client_key"))
    assert (tmp_path / "data" / "master.key").stat().st_mode & 0o077 == 0
    assert made["needs_account"] is True
    operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY)
    again = operator.done("setup")
    assert "made" not in again and "Next: gateway start" in again
    try:
        operator.json("start")
        assert ask(operator.address, made["client_key"]["key"]) == 200
        doctor = json.loads(operator("doctor", "--json").stdout)
        subjects = {finding["subject"]: finding["verdict"] for finding in doctor["findings"]}
        assert subjects["store"] == "ok" and "account main" in subjects
        assert made["admin_user"]["password"] not in operator.done("logs", "--json", "-n", "10000")
    finally:
        operator("stop", "--timeout", "20s")


def used(operator):
    """Requests that the ledger knows of."""
    return sum(line["requests"] for line in operator.json("usage"))


def test_a_backup_is_restored(operator, tmp_path):
    key = operator.json("keys", "create", "--name", "first")["revealed"]["key"]
    operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY)
    operator.json("start")
    assert ask(operator.address, key) == 200
    wait_until(lambda: used(operator) == 1, "the request is in the ledger")
    backup = operator.json("backup", "one.tar")
    assert (tmp_path / "one.tar").stat().st_mode & 0o077 == 0 and backup["with_key"] is False and backup["with_ledger"] is True
    names = subprocess.run(["tar", "-tf", "one.tar"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert names[:2] == ["gateway.db", "gateway.yaml"] and names[-1] == "manifest.json"
    assert "ledger.0000000000000001.rows" in names and "ledger.rollups.db" in names
    assert not list((tmp_path / "data").glob("backup.*")), "nothing of it is left behind"
    assert ACCOUNT_KEY.encode() not in (tmp_path / "one.tar").read_bytes()
    assert operator("backup", "one.tar").returncode == 2, "it replaces no file unasked"
    operator.json("keys", "create", "--name", "later")
    assert ask(operator.address, key) == 200
    wait_until(lambda: used(operator) == 2, "the next one too")

    running = operator("restore", "one.tar", "--force")
    assert running.returncode == 6 and "gateway stop" in running.stderr
    operator.json("stop")
    assert operator("restore", "one.tar").returncode == 6, "there is a store"
    damaged = bytearray((tmp_path / "one.tar").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.tar").write_bytes(damaged)
    refused = operator("restore", "damaged.tar", "--force")
    assert refused.returncode == 6 and "damaged" in refused.stderr
    assert len(operator.json("keys", "list")["data"]) == 2

    assert operator.json("restore", "one.tar", "--check")["restored"] is False
    restored = operator.json("restore", "one.tar", "--force")
    assert restored["kept"] and (tmp_path / restored["kept"]).exists()
    assert restored["with_ledger"] is True and (tmp_path / restored["kept_ledger"] / "rows").is_dir()
    assert [record["name"] for record in operator.json("keys", "list")["data"]] == ["first"]
    assert used(operator) == 1, "the ledger is that of the backup"
    operator.json("start")
    assert ask(operator.address, key) == 200
    wait_until(lambda: used(operator) == 2, "and it goes on")
    verified = operator.json("ledger", "verify")
    assert verified["differences"] == 0 and verified["rows"] + verified["rows_not_folded"] == 2
    operator.json("stop")
    kept = operator.json("restore", "one.tar", "--force", "--without-ledger")
    assert kept["with_ledger"] is False and kept["kept_ledger"] is None and used(operator) == 2

    # Elsewhere: without the key it is refused, with it all is there.
    elsewhere = Operator(tmp_path / "elsewhere")
    elsewhere.folder.mkdir()
    alone = elsewhere("restore", "../one.tar")
    assert alone.returncode == 6 and "master key" in alone.stderr and not (elsewhere.folder / "data" / "gateway.db").exists()
    operator.json("backup", "two.tar", "--with-key")
    assert elsewhere.json("restore", "../two.tar")["wrote_configuration"] is True
    assert used(elsewhere) == 2
    assert [record["name"] for record in elsewhere.json("keys", "list")["data"]] == ["first"]


def test_the_master_key_is_rotated_while_a_gateway_serves(operator, tmp_path):
    key = operator.json("keys", "create", "--name", "first")["revealed"]["key"]
    operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY)
    operator.json("start")
    address = operator.address
    before = (tmp_path / "data" / "master.key").read_text()
    assert ask(address, key) == 200
    rotated = operator.json("rotate-master-key")
    assert rotated["resealed"] >= 1 and rotated["unreadable"] == 0 and rotated["old_key_id"] != rotated["new_key_id"]
    assert (tmp_path / "data" / "master.key").read_text() != before
    assert ask(address, key) == 200
    # What is sealed from now on is opened by the gateway that serves.
    operator.json("accounts", "update", "main", "--api-key", "-", said=ACCOUNT_KEY + "-2")
    wait_until(lambda: ask(address, key) == 200, "the account is used")
    operator.json("restart")
    assert ask(operator.address, key) == 200


def test_what_only_the_serving_gateway_knows_is_asked_of_it(operator, tmp_path):
    key = operator.json("keys", "create", "--name", "first")["revealed"]["key"]
    operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY)
    for verb in (["status"], ["reset", "main"], ["why", "--request", "gw_000000000000000000100"]):
        alone = operator("accounts", *verb)
        assert alone.returncode == 1 and "no gateway serves" in alone.stderr and "gateway start" in alone.stderr
    assert "live" not in operator.json("accounts", "list")["data"][0]

    operator.json("start")
    socket = tmp_path / "data" / "admin.sock"
    assert stat.S_ISSOCK(socket.stat().st_mode) and stat.S_IMODE(socket.stat().st_mode) == 0o600
    request = exchange(operator.address, key).header("x-gateway-request-id")
    [account] = operator.json("accounts", "status")["accounts"]
    assert account["name"] == "main" and account["state"] == "healthy"
    [listed] = operator.json("accounts", "list")["data"]
    assert listed["live"] == {"state": "healthy", "reason": None, "until": None, "in_flight": 0}
    table = operator.done("accounts", "list")
    titles = table.splitlines()[0]
    assert "STATE NOW" in titles and titles.count("STATE") == 2 and "healthy" in table, "the credential's, and the account's"
    [decision] = operator.json("accounts", "why", "--request", request)["decisions"]
    assert decision["account"] == "main"
    assert operator.json("accounts", "reset", "main")["state"] == "healthy"
    absent = operator("accounts", "why", "--request", "gw_000000000000000fff00")
    assert absent.returncode == 5 and "nothing is remembered" in absent.stderr
    assert [entry["actor"] for entry in operator.json("audit")["data"] if entry["action"] == "reset"] == [f"cli:{getpass.getuser()}"]
    operator.json("stop")
    assert not socket.exists()


def test_records_are_exported_and_imported(operator, tmp_path):
    operator.json("groups", "create", "--name", "team")
    operator.json("keys", "create", "--name", "first", "--groups", "team")
    operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY)
    plain = operator.done("export")
    assert ACCOUNT_KEY not in plain and '"name":"first"' in plain
    (tmp_path / "passphrase").write_text("correct horse battery staple\n")
    operator.done("export", "all.jsonl", "--with-secrets", "--passphrase-file", "passphrase")
    exported = (tmp_path / "all.jsonl").read_text()
    assert ACCOUNT_KEY not in exported and len(exported.splitlines()) == len(plain.splitlines())

    other = Operator(tmp_path / "other")
    other.folder.mkdir()
    other.write((tmp_path / "gateway.yaml").read_text())
    assert other("import", "../all.jsonl").returncode == 6, "the passphrase is missing"
    outcome = other.json("import", "../all.jsonl", "--passphrase-file", "../passphrase")
    assert outcome == {"written": 3, "left": 0, "failed": 0}
    assert other.json("import", "../all.jsonl", "--passphrase-file", "../passphrase") == {"written": 0, "left": 3, "failed": 0}
    assert [record["name"] for record in other.json("keys", "list")["data"]] == ["first"]
    assert other.json("accounts", "test", "main")["ok"] in (True, False), "its secret opens"
    cut = "\n".join(exported.splitlines()[:-1]) + "\n"
    (tmp_path / "cut.jsonl").write_text(cut)
    refused = other("import", "../cut.jsonl", "--passphrase-file", "../passphrase")
    assert refused.returncode == 6 and "not whole" in refused.stderr


def test_a_master_key_of_the_environment(operator, tmp_path):
    old, new = (name * 32 for name in ("0a", "b1"))
    env = tmp_path / ".env"
    env.write_text(f"ENCRYPTION_KEY={old}\n")
    env.chmod(0o600)
    operator.json("accounts", "create", "--name", "main", "--api-key", "-", said=ACCOUNT_KEY)
    assert not (tmp_path / "data" / "master.key").exists()
    assert operator("rotate-master-key").returncode == 2, "it cannot set the variable itself"
    assert operator.json("rotate-master-key", "--new-key-file", "-", said=new)["unreadable"] == 0
    env.write_text(f"ENCRYPTION_KEY={new}\n")
    assert operator.json("accounts", "list")["data"][0]["name"] == "main"
    before = (tmp_path / "data" / "gateway.db").read_bytes()
    env.write_text(f"ENCRYPTION_KEY={old}\n")
    wrong = operator("accounts", "list")
    assert wrong.returncode == 1 and "sealed with master key" in wrong.stderr and old not in wrong.stderr
    assert (tmp_path / "data" / "gateway.db").read_bytes() == before
