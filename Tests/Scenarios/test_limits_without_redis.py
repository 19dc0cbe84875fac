"""While Redis is away each limit does what it says of itself, and when Redis is back it hears what was used meanwhile."""

import json

import pytest

from harness import replies
from harness.spending import message_request as body
from harness.client import RawClient
from harness.configuration import AUTHORIZED
from harness.metrics import metric
from harness.shared_store import SharedStore
from harness.waiting import wait_until

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}


@pytest.fixture
def redis():
    redis = SharedStore()
    yield redis
    redis.stop()


@pytest.fixture
def gateways(start_gateway, redis):
    """Starts some that share the Redis and know of each other; `per_key` and `entry` are RateLimit's."""

    def start(count, per_key, **entry):
        started = []
        for _ in range(count):
            gateway = start_gateway(store=redis.url, environment=MASTER_KEY, per_key=per_key)
            started.append(gateway)
        if entry:
            for gateway in started:
                tree = gateway.configuration_file.read_text().replace('"per_key":', json.dumps(entry)[1:-1] + ', "per_key":')
                status, said = gateway.reload(tree)
                assert status == 0, said
        for gateway in started:
            wait_until(lambda gateway=gateway: metric(gateway, "gateway_redis_nodes") == count, "it knows of the others")
        return started

    return start


def ask(gateway):
    with RawClient(gateway.address, seconds=60) as client:
        return client.request(headers=AUTHORIZED, body=body())


def statuses(gateway, count):
    return [ask(gateway).status for _ in range(count)]


def goes(redis, gateways):
    redis.kill()
    for gateway in gateways:
        wait_until(lambda gateway=gateway: metric(gateway, "gateway_redis_up") == 0, "it knows that Redis is gone")


def comes_back(redis, gateways):
    redis.start()
    for gateway in gateways:
        wait_until(lambda gateway=gateway: metric(gateway, "gateway_redis_up") == 1, "it has its Redis again")


ALLOWED = {"limit": 1000, "without_redis": "allow"}
SHARED = {"limit": 1000, "without_redis": "local_share"}


@pytest.mark.parametrize("per_key, entry, status", [
    ({"requests_per_minute": 1000}, {}, 503),
    ({"requests_per_minute": ALLOWED}, {}, 200),
    ({"requests_per_minute": ALLOWED, "concurrency": 5}, {}, 503),
    ({"requests_per_minute": ALLOWED, "concurrency": SHARED}, {}, 200),
    ({"requests_per_minute": 1000, "concurrency": 5}, {"without_redis": "allow"}, 200),
    ({"requests_per_minute": 1000, "concurrency": {"limit": 5, "without_redis": "refuse"}}, {"without_redis": "allow"}, 503),
    ({"budgets": ["5 usd per day without_redis allow", "9000 tokens per minute without_redis local_share"]}, {}, 200),
    ({"budgets": ["5 usd per day without_redis allow", "9000 tokens per minute"]}, {}, 503),
    ({"budgets": [{"limit": "5 usd per day", "without_redis": "allow"}]}, {}, 200),
    ({"budgets": ["5 usd per day without_redis refuse"]}, {"without_redis": "local_share"}, 503),
], ids=str)
def test_each_limit_has_its_own_word(gateways, redis, upstream, per_key, entry, status):
    upstream.answer(replies.plain(200, replies.message()))
    [gateway] = gateways(1, per_key, **entry)
    assert ask(gateway).status == 200
    goes(redis, [gateway])
    assert ask(gateway).status == status
    comes_back(redis, [gateway])
    wait_until(lambda: ask(gateway).status == 200, "it serves again")


def test_what_is_shared_alone_is_one_budget_in_the_end(gateways, redis, upstream):
    upstream.answer(replies.plain(200, replies.message()))
    first, second = both = gateways(2, {"budgets": ["10 requests per day without_redis local_share"]})
    assert statuses(first, 3) + statuses(second, 1) == [200] * 4
    goes(redis, both)
    # Each has half of it, and knows from its ledger what it used of that already.
    assert statuses(first, 3) == [200, 200, 429]
    assert statuses(second, 2) == [200, 200]
    comes_back(redis, both)
    # Redis knew of four, and has heard of the four that it missed.
    def left():
        answer = ask(second)
        assert answer.status == 200
        return answer.header("anthropic-ratelimit-requests-remaining")

    assert left() == "1"
    goes(redis, both)
    # The second has used four of its five, also one that Redis has counted; the first has used its five.
    assert statuses(first, 1) == [429]
    assert statuses(second, 2) == [200, 429]
    comes_back(redis, both)
    for gateway in both:
        refused = ask(gateway)
        assert refused.status == 429 and b"reached the limit of 10 requests per day" in refused.body
    assert len(upstream.requests) == 10


def test_places_that_were_shared_alone_are_held_in_redis_again(gateways, redis, upstream):
    first, second = both = gateways(2, {"concurrency": {"limit": 4, "without_redis": "local_share"}})
    gate = replies.Gate()
    upstream.answer([gate, *replies.plain(200, replies.message())])
    clients = []

    def hold(gateway):
        clients.append(RawClient(gateway.address, seconds=60))
        clients[-1].request(headers=AUTHORIZED, body=body(), read=False)
        upstream.wait_for_requests(len(clients))

    try:
        goes(redis, both)
        for _ in range(2):
            hold(first)
        refused = ask(first)
        assert refused.status == 429
        comes_back(redis, both)
        # Of the four two are held, which Redis did not see being taken.
        for _ in range(2):
            hold(second)
        for gateway in both:
            refused = ask(gateway)
            assert refused.status == 429 and b"the limit of 4 requests at the same time" in refused.body
        gate.open()
        assert [client.response().status for client in clients] == [200] * 4
        upstream.answer(replies.plain(200, replies.message()))
        for gateway in both:
            wait_until(lambda gateway=gateway: ask(gateway).status == 200, "places are free again")
    finally:
        for client in clients:
            client.close()
