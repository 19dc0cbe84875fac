"""`gateway doctor` says what is wrong with the Redis that `store` names, and how to mend it."""

import json

import pytest

from harness.redis import Redis, Replica, SlowRelay, tcp_port

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}


@pytest.fixture
def make_redis():
    made = []

    def make(*options):
        made.append(Redis(*options))
        return made[-1]

    yield make
    for redis in made:
        redis.stop()


@pytest.fixture
def examine(start_gateway):
    """What the doctor finds out about the Redis of a gateway that has been started with it."""

    def of(redis, url=None, change=lambda: None, **configured):
        gateway = start_gateway(store=url or redis.url, environment=MASTER_KEY, redis=configured)
        change()
        done = gateway.run("doctor", "--json", "--config", gateway.configuration_file)
        return [finding for finding in json.loads(done.stdout)["findings"] if finding["subject"] == "redis"]

    return of


def test_a_good_one(make_redis, examine):
    [found] = examine(make_redis("--appendonly", "yes", "--appendfsync", "always"))
    assert found["verdict"] == "ok" and "runs the gateway's scripts" in found["sentence"]


@pytest.mark.parametrize("settings, verdict, words", [
    ([], "warning", "keeps nothing on its disk"),
    ([("save", "3600 1")], "warning", "snapshots only"),
    ([("appendonly", "yes"), ("maxmemory-policy", "volatile-lru"), ("maxmemory", "1gb")], "warning", "forgets what was used"),
    ([("appendonly", "yes"), ("maxmemory-policy", "allkeys-lru"), ("maxmemory", "1gb")], "fault", "keys and accounts too"),
    ([("appendonly", "yes"), ("appendfsync", "no")], "warning", "leaves it to the kernel"),
    ([("appendonly", "yes"), ("requirepass", "secret")], "fault", "wants a password"),
])
def test_one_that_loses_or_refuses(make_redis, examine, settings, verdict, words):
    redis = make_redis()

    def change():
        for name, value in settings:
            assert redis.ask("CONFIG", "SET", name, value) == b"+OK"

    found = examine(redis, change=change)
    assert any(one["verdict"] == verdict and words in one["sentence"] and one["mend"] for one in found), found


def test_one_that_is_gone(make_redis, examine):
    redis = make_redis()
    [found] = examine(redis, change=redis.kill)
    assert found["verdict"] == "fault" and "cannot be reached" in found["sentence"]


def test_one_that_does_not_take_the_password(make_redis, examine):
    relay = SlowRelay(make_redis("--appendonly", "yes"))
    try:
        def give(password):
            words = ["ACL", "SETUSER", "gateway", "reset", "on", f">{password}", "~*", "+@all"]
            assert relay.redis.ask(*words) == b"+OK"

        give("first")
        [found] = examine(relay.redis, relay.url.replace("redis://", "redis://gateway:first@"), lambda: give("second"))
        assert found["verdict"] == "fault" and "does not take this user and password" in found["sentence"]
    finally:
        relay.stop()


def test_a_replica(make_redis, examine):
    options, port = tcp_port()
    primary = make_redis(*options)
    replica, relay = Replica(port), SlowRelay(primary)
    try:
        def change():
            relay.redis = replica

        found = examine(primary, relay.url, change)
        assert any(one["verdict"] == "fault" and "is a replica" in one["sentence"] for one in found), found
    finally:
        relay.stop()
        replica.stop()


def test_one_that_is_slow(make_redis, examine):
    relay = SlowRelay(make_redis("--appendonly", "yes"))
    try:
        def change():
            relay.seconds = 0.12

        found = examine(relay.redis, relay.url, change, command_timeout="400ms")
        assert any(one["verdict"] == "warning" and "redis.command_timeout is 400 ms" in one["sentence"] for one in found), found
    finally:
        relay.stop()
