"""A node that has known a store in Redis starts with that one or not at all; a backup brings it back, there or in a file."""

import json

import pytest

from harness.admin import administer
from harness.configuration import configuration
from harness.gateway import Gateway
from harness.redis import Redis
from harness.waiting import wait_until

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}
BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'


@pytest.fixture
def redis():
    made = Redis()
    yield made
    made.stop()


def status(connect, gateway, key):
    headers = [("x-api-key", key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")]
    return connect(gateway).request(headers=headers, body=BODY).status


def run(gateway, *arguments):
    return gateway.run(*arguments, "--config", gateway.configuration_file)


def refused_start(gateway):
    done = gateway.run("serve", "--config", gateway.configuration_file)
    assert done.returncode != 0
    return done.stdout + done.stderr


def make_key(gateway, name="phone"):
    return administer(gateway, name=f"for {name}").post("/admin/v1/keys", {"name": name}).body["revealed"]["key"]


def test_it_starts_with_what_it_knows_or_is_told_to_forget(redis, start_gateway, connect):
    gateway = start_gateway(store=redis.url, environment=MASTER_KEY)
    key = make_key(gateway)
    gateway.stop()
    redis.kill()
    redis.start()  # empty
    said = refused_start(gateway)
    assert "holds no store" in said and "gateway store accept" in said and "gateway restore" in said, said
    assert redis.ask("DBSIZE") == b":0", "nothing was founded"
    # Commands do not found one either.
    assert "holds no store" in run(gateway, "keys", "list").stderr
    doctor = run(gateway, "doctor", "--offline")
    assert doctor.returncode == 1 and "holds no store" in doctor.stdout

    accepted = run(gateway, "store", "accept", "--json")
    assert accepted.returncode == 0 and json.loads(accepted.stdout)["found"] is None, accepted.stderr
    gateway.start()
    assert status(connect, gateway, key) == 401, "what was lost is lost"
    gateway.stop()
    gateway.start()


def test_a_store_of_somebody_else_is_not_taken_for_ours(redis, start_gateway, tmp_path, upstream):
    gateway = start_gateway(store=redis.url, environment=MASTER_KEY)
    gateway.stop()
    redis.kill()
    redis.start()
    other = start_gateway(store=redis.url, environment=MASTER_KEY)
    assert "holds another store" in refused_start(gateway)
    assert run(gateway, "store", "accept").returncode == 0
    gateway.start()
    other.stop()


@pytest.mark.parametrize("to", ["redis", "local"])
def test_a_backup_of_records_in_redis_brings_them_back(redis, start_gateway, connect, upstream, tmp_path, to):
    gateway = start_gateway(store=redis.url, environment=MASTER_KEY)
    other = start_gateway(store=redis.url, environment=MASTER_KEY)
    key = make_key(gateway)
    wait_until(lambda: status(connect, gateway, key) == 200, "the key is known")
    file = tmp_path / "all.backup"
    done = run(gateway, "backup", str(file), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["with_ledger"], done.stderr
    late = make_key(gateway, "late")
    gateway.stop()
    redis.kill()
    redis.start()  # empty
    refusal = administer_fails(other)
    assert refusal == 503, "the other goes on with what it knows, and changes nothing"

    if to == "local":
        gateway.write(configuration(upstream.url))
    done = run(gateway, "restore", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["with_ledger"]
    gateway.start()
    wait_until(lambda: status(connect, gateway, key) == 200, "the key of the backup works")
    assert status(connect, gateway, late) == 401
    rows = run(gateway, "usage", "rows", "--json").stdout.splitlines()
    assert sum(json.loads(row)["key"] == "phone" for row in rows) >= 1, "the ledger is there"
    make_key(gateway, "new")
    if to == "redis":
        # It is the store that the other knows, which goes on with it without a restart, and forgets what is not in it.
        wait_until(lambda: status(connect, other, late) == 401, "the other has read it again")
        shared = make_key(gateway, "shared")
        wait_until(lambda: status(connect, other, shared) == 200, "what is made here counts there")
        assert status(connect, other, key) == 200
    again = run(gateway, "restore", str(file))
    assert again.returncode != 0


def administer_fails(gateway):
    """Whether a change is made at a gateway whose store is gone: the status of the answer."""
    done = run(gateway, "groups", "create", "--name", "late")
    assert done.returncode != 0
    return 503 if "no longer holds the store" in done.stderr or "holds no store" in done.stderr else done.stderr


def test_what_a_restore_replaces_in_redis_is_kept_in_a_file(redis, start_gateway, connect, tmp_path):
    gateway = start_gateway(store=redis.url, environment=MASTER_KEY)
    key = make_key(gateway)
    file = tmp_path / "all.backup"
    assert run(gateway, "backup", str(file)).returncode == 0
    late = make_key(gateway, "late")
    gateway.stop()
    refused = run(gateway, "restore", str(file))
    assert refused.returncode != 0 and "--force" in refused.stderr
    done = run(gateway, "restore", str(file), "--force")
    assert done.returncode == 0 and "redis.replaced.db" in done.stdout, done.stderr
    assert (gateway.data / "redis.replaced.db").exists()
    gateway.start()
    wait_until(lambda: status(connect, gateway, key) == 200, "the key of the backup works")
    assert status(connect, gateway, late) == 401
