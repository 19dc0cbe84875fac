"""Limits that several gateways share are exact, and a Redis that is slow, gone or refuses does what is documented."""

import re
import threading

import pytest

from harness import replies
from harness.configuration import AUTHORIZED
from harness.redis import Redis, SlowRelay
from harness.waiting import wait_until

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}
BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


@pytest.fixture
def redis():
    redis = Redis()
    yield redis
    redis.stop()


@pytest.fixture
def relay(redis):
    relay = SlowRelay(redis)
    yield relay
    relay.stop()


def ask(connect, gateway):
    return connect(gateway).request(headers=AUTHORIZED, body=BODY).status


def metrics(connect, gateway):
    return connect(gateway).request("GET", "/metrics").body.decode()


def value(text, name):
    """The sum of a metric's series."""
    return sum(float(number) for number in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


def is_up(connect, gateway):
    return value(metrics(connect, gateway), "gateway_redis_up") == 1


def started(start_gateway, connect, store, count=1, **arguments):
    gateways = [start_gateway(store=store, environment=MASTER_KEY, **arguments) for _ in range(count)]
    for gateway in gateways:
        wait_until(lambda gateway=gateway: is_up(connect, gateway), "the gateway has its Redis")
    return gateways


def test_requests_per_minute_are_one_number_for_all(start_gateway, upstream, connect, redis):
    gateways = started(start_gateway, connect, redis.url, 2, per_key={"requests_per_minute": 20, "concurrency": 1000})
    upstream.answer(replies.plain())
    statuses = []

    def client(gateway):
        for _ in range(10):
            statuses.append(ask(connect, gateway))

    threads = [threading.Thread(target=client, args=(gateways[index % 2],)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One more for each three seconds that it took; the upstream's count is the truth.
    granted = statuses.count(200)
    assert granted == len(upstream.requests) and granted + statuses.count(429) == 60
    assert 20 <= granted <= 40
    remaining = [connect(gateway).request(headers=AUTHORIZED, body=BODY) for gateway in gateways]
    assert any(answer.status == 429 for answer in remaining) or granted < 60


def test_places_are_one_number_for_all_and_come_back(start_gateway, upstream, connect, redis):
    gateways = started(start_gateway, connect, redis.url, 2, per_key={"requests_per_minute": 100000, "concurrency": 3})
    gate = replies.Gate()
    upstream.answer([gate, *replies.plain()])
    clients = [connect(gateways[index % 2]) for index in range(10)]
    for client in clients:
        client.request(headers=AUTHORIZED, body=BODY, read=False)
    upstream.wait_for_requests(3)
    # Whoever is refused is told at once; the three wait for the gate.
    statuses = []
    reader = threading.Thread(target=lambda: statuses.extend(client.response().status for client in clients))
    reader.start()
    gate.open()
    reader.join()
    assert statuses.count(200) + statuses.count(429) == 10 and statuses.count(200) == len(upstream.requests) >= 3
    upstream.answer(replies.plain())
    for gateway in gateways:
        wait_until(lambda gateway=gateway: ask(connect, gateway) == 200, "places are free again")


def test_a_node_that_dies_frees_its_places(start_gateway, upstream, connect, redis):
    first, second = started(start_gateway, connect, redis.url, 2, per_key={"requests_per_minute": 100000, "concurrency": 1})
    gate = replies.Gate()
    upstream.answer([gate, *replies.plain()])
    held = connect(first)
    held.request(headers=AUTHORIZED, body=BODY, read=False)
    upstream.wait_for_requests(1)
    assert ask(connect, second) == 429
    first.kill()
    gate.open()
    upstream.answer(replies.plain())
    wait_until(lambda: ask(connect, second) == 200, "the place of the dead node is free")


def test_a_redis_that_goes_and_comes(start_gateway, upstream, connect, redis):
    upstream.answer(replies.plain())
    [gateway] = started(start_gateway, connect, redis.url)
    assert ask(connect, gateway) == 200
    redis.kill()
    wait_until(lambda: not is_up(connect, gateway), "the gateway knows")
    # Nothing else is said in the configuration: refused, and at once.
    assert ask(connect, gateway) == 503
    assert connect(gateway).request("GET", "/livez").status == 200
    wait_until(lambda: "redis is not available" in gateway.log(), "the log says so")
    redis.start()  # empty
    wait_until(lambda: ask(connect, gateway) == 200, "the gateway has found it again")
    assert value(metrics(connect, gateway), "gateway_redis_connections_total") >= 2


@pytest.mark.parametrize("seconds, status", [(0.1, 200), (2, 503)])
def test_a_slow_redis_holds_up_nobody_else(start_gateway, upstream, connect, relay, seconds, status):
    upstream.answer(replies.plain())
    [gateway] = started(start_gateway, connect, relay.url, redis={"command_timeout": "1s"})
    assert ask(connect, gateway) == 200
    metrics(connect, gateway)
    relay.seconds = seconds
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    # The loop serves others meanwhile.
    assert connect(gateway).request("GET", "/livez").status == 200
    assert client.response().status == status
    relay.seconds = 0
    wait_until(lambda: ask(connect, gateway) == 200, "a fast Redis serves again")
    text = metrics(connect, gateway)
    assert value(text, "gateway_loop_longest_turn_seconds") < seconds
    assert ('outcome="timed_out"} 0' not in text) == (status == 503)


@pytest.mark.parametrize("setting", [("maxmemory", "1"), ("min-replicas-to-write", "1")])
def test_a_redis_that_takes_no_writes(start_gateway, upstream, connect, redis, setting):
    upstream.answer(replies.plain())
    [gateway] = started(start_gateway, connect, redis.url)
    assert ask(connect, gateway) == 200
    assert redis.ask("CONFIG", "SET", *setting) == b"+OK"
    if setting[0] != "maxmemory" and redis.field("server", "redis_version").startswith("6.0."):
        # It does not ask scripts for replicas, and writes.
        assert ask(connect, gateway) == 200
        return
    assert ask(connect, gateway) == 503
    wait_until(lambda: "redis refuses to keep limits" in gateway.log(), "the log says so")
    assert redis.ask("CONFIG", "SET", setting[0], "0") == b"+OK"
    assert ask(connect, gateway) == 200


def test_a_redis_that_becomes_a_replica_is_left(start_gateway, upstream, connect, redis):
    upstream.answer(replies.plain())
    [gateway] = started(start_gateway, connect, redis.url)
    assert redis.ask("REPLICAOF", "127.0.0.1", "9") == b"+OK"
    assert ask(connect, gateway) == 503
    wait_until(lambda: not is_up(connect, gateway), "the gateway leaves it")
    assert redis.ask("REPLICAOF", "NO", "ONE") == b"+OK"
    wait_until(lambda: ask(connect, gateway) == 200, "the primary is back")
