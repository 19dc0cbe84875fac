"""A claude-relay-service's keys go on working here: read from its Redis, found by the hash that it kept."""

import hashlib
import json
import os
import socket
import subprocess

import pytest

from harness.client import RawClient
from harness.configuration import AUTHORIZED
from harness.egress import free_port, tool
from harness.waiting import wait_until

ENCRYPTION_KEY = "0123456789abcdef0123456789abcdef"
PHONE, LAPTOP = "cr_" + "ab" * 32, "cr_" + "cd" * 32
ACCOUNT = "sk-ant-canary-console-account"
PASSWORD = "canary-redis-password"
BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


def legacy_hash(key):
    return hashlib.sha256((key + ENCRYPTION_KEY).encode()).hexdigest()


def sealed(text):
    key = hashlib.scrypt(ENCRYPTION_KEY.encode(), salt=b"claude-console-salt", n=16384, r=8, p=1, dklen=32, maxmem=64 << 20)
    vector = os.urandom(16)
    done = subprocess.run([tool("openssl", "openssl"), "enc", "-aes-256-cbc", "-K", key.hex(), "-iv", vector.hex()],
                          input=text.encode(), capture_output=True, check=True)
    return f"{vector.hex()}:{done.stdout.hex()}"


@pytest.fixture
def crs(tmp_path):
    """Its Redis, with two keys, an account behind a proxy, and what is beside them there."""
    port = free_port()
    process = subprocess.Popen(
        [tool("redis-server", "redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path), "--requirepass", PASSWORD],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def accepts():
        assert process.poll() is None
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(accepts, "redis accepts")

    def do(*words):
        done = subprocess.run([tool("redis-cli", "redis-tools"), "-p", str(port), "-a", PASSWORD, "--no-auth-warning", *words],
                              capture_output=True, text=True, check=True)
        assert not done.stdout.startswith(("ERR", "WRONG")), done.stdout

    def put(hash_name, **fields):
        do("HSET", hash_name, *[word for pair in fields.items() for word in pair])

    put("apikey:11111111-aaaa", id="11111111-aaaa", name="phone", apiKey=legacy_hash(PHONE), tokenLimit="1000000", isActive="true",
        createdAt="2025-07-01T10:00:00.000Z", expiresAt="")
    put("apikey:22222222-bbbb", id="22222222-bbbb", name="laptop", apiKey=legacy_hash(LAPTOP), tokenLimit="0", isActive="false")
    put("apikey:hash_map", **{legacy_hash(PHONE): "11111111-aaaa"})
    do("SADD", "apikey:set:active", "11111111-aaaa")
    put("usage:11111111-aaaa", totalInputTokens="1200", totalOutputTokens="340", totalRequests="9")
    do("SET", "usage:cost:total:11111111-aaaa", "1.5")
    put("claude_console_account:c1", id="c1", name="console", apiKey=sealed(ACCOUNT), isActive="true", priority="7")
    put("claude:account:o1", id="o1", name="mine", refreshToken="x")
    yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    process.terminate()
    process.wait(timeout=20)


def take_over(gateway, url, *more, key=ENCRYPTION_KEY):
    file = gateway.data.parent / "encryption-key"
    file.write_text(key + "\n")
    return gateway.run("import", "crs", "--redis", url, "--encryption-key-file", file, *more, "--config", gateway.configuration_file)


def status(gateway, key):
    with RawClient(gateway.address) as client:
        return client.request(headers=[("x-api-key", key), *AUTHORIZED[1:]], body=BODY).status


def test_keys_go_on_working(start_gateway, upstream, crs):
    gateway = start_gateway()
    assert status(gateway, PHONE) == 401
    dry = take_over(gateway, crs)
    assert dry.returncode == 0 and "would take over 2 keys, 1 accounts, 0 proxies, 1 opening balances" in dry.stdout
    assert "nothing has changed" in dry.stderr and "1 accounts of Claude (OAuth)" in dry.stdout
    assert status(gateway, PHONE) == 401, "a dry run"
    refused = take_over(gateway, crs, "--apply")
    assert refused.returncode == 6 and "gateway stop" in refused.stderr
    gateway.stop()
    done = json.loads(take_over(gateway, crs, "--apply", "--json").stdout)
    assert (done["written"], done["left"], done["failed"], done["opening_balances"]) == (3, 0, 0, 1)
    again = json.loads(take_over(gateway, crs, "--apply", "--json").stdout)
    assert (again["written"], again["left"], again["opening_balances"]) == (0, 3, 0)
    gateway.start()
    assert status(gateway, PHONE) == 200 and upstream.last.account == ACCOUNT, "of a smaller priority than the configured one"
    assert status(gateway, LAPTOP) == 401, "it was switched off there"
    assert status(gateway, PHONE + "x") == 401

    [phone] = [line for line in json.loads(gateway.run("usage", "--by", "key", "--since", "3000d", "--json", "--data", gateway.data).stdout)
               if line["key"] == "phone"]
    assert phone["input_tokens"] >= 1200 and phone["output_tokens"] >= 340 and phone["cost_nano_usd"] >= 1_500_000_000
    stored = b"".join(path.read_bytes() for path in gateway.files_in_data())
    for secret in (ACCOUNT, ENCRYPTION_KEY, PHONE, PASSWORD):
        assert secret.encode() not in stored and secret not in done.__str__()

    rotated = gateway.run("keys", "rotate", "phone", "--overlap", "3600", "--json", "--config", gateway.configuration_file)
    assert rotated.returncode == 0, rotated.stderr
    fresh = json.loads(rotated.stdout)["revealed"]["key"]
    wait_until(lambda: status(gateway, fresh) == 200, "the new key is let in")
    assert status(gateway, PHONE) == 200, "the old one is good for an hour"


def test_what_cannot_be_read_is_said(start_gateway, crs):
    gateway = start_gateway()
    wrong = take_over(gateway, crs, key="another key of at least so many characters")
    assert wrong.returncode == 0 and "cannot be opened with this ENCRYPTION_KEY" in wrong.stdout
    for url, words in ((crs.replace(PASSWORD, "no"), "cannot be read"), (f"redis://127.0.0.1:{free_port()}", "refused")):
        failed = take_over(gateway, url)
        assert failed.returncode == 1 and words in failed.stderr and PASSWORD not in failed.stderr
    missing = gateway.run("import", "crs", "--config", gateway.configuration_file)
    assert missing.returncode == 2 and "--redis is missing" in missing.stderr
