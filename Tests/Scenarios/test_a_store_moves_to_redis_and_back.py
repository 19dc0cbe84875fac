"""A store goes from the data folder to Redis with everything in it, and back, and keys go on working."""

import json

import pytest

from harness.admin import administer
from harness.configuration import configuration
from harness.shared_store import SharedStore
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'


@pytest.fixture
def store():
    made = SharedStore()
    yield made
    made.stop()


def status(connect, gateway, key):
    headers = [("x-api-key", key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")]
    return connect(gateway).request(headers=headers, body=BODY).status


def migrate(gateway, source, target, *more):
    return gateway.run("store", "migrate", "--from", source, "--to", target, *more, "--config", gateway.configuration_file)


def test_keys_go_on_working_at_the_new_place_and_at_the_old_one_again(store, gateway, upstream, connect):
    key = administer(gateway).post("/admin/v1/keys", {"name": "phone"}).body["revealed"]["key"]
    wait_until(lambda: status(connect, gateway, key) == 200, "the key is known")
    refused = migrate(gateway, "local", store.url)
    assert refused.returncode != 0 and "another gateway serves" in refused.stderr
    gateway.stop()

    planned = migrate(gateway, "local", store.url, "--dry-run", "--json")
    assert planned.returncode == 0 and json.loads(planned.stdout)["target_exists"] is False, planned.stderr
    assert store.ask("DBSIZE") == b":0"
    done = migrate(gateway, "local", store.url, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == json.loads(planned.stdout)["records"]
    again = migrate(gateway, "local", store.url)
    assert again.returncode != 0 and "--overwrite" in again.stderr

    gateway.write(configuration(upstream.url, store=store.url))
    gateway.start()
    wait_until(lambda: status(connect, gateway, key) == 200, "the key works with its record in Redis")
    second = administer(gateway, name="second").post("/admin/v1/keys", {"name": "tablet"}).body["revealed"]["key"]
    gateway.stop()

    done = migrate(gateway, store.url, "local", "--overwrite")
    assert done.returncode == 0 and "compared one by one" in done.stdout, done.stderr
    gateway.write(configuration(upstream.url))
    gateway.start()
    wait_until(lambda: [status(connect, gateway, each) for each in (key, second)] == [200, 200], "both keys work in the folder")
    assert (gateway.data / "gateway.db.replaced").exists()
