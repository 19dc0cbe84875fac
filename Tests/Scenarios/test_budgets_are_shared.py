"""What a budget allows is one number for gateways that share a Redis, and what clients are told of it is true on each."""

import datetime
import itertools
import json
import random
import threading
import time

import pytest

from harness import replies
from harness.spending import NANO, RandomCosts, in_parallel
from harness.spending import message_request as body
from harness.client import RawClient
from harness.configuration import AUTHORIZED
from harness.metrics import metric
from harness.redis import Redis
from harness.waiting import wait_until

MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}


@pytest.fixture
def redis():
    redis = Redis()
    yield redis
    redis.stop()


@pytest.fixture
def two_gateways(start_gateway, redis):
    """Starts two that share the Redis; arguments are those of `configuration`."""

    def start(**arguments):
        gateways = [
            start_gateway(store=redis.url, environment=MASTER_KEY, threads=2, ledger={"durability": "relaxed"}, **arguments)
            for _ in range(2)]
        for gateway in gateways:
            wait_until(lambda gateway=gateway: metric(gateway, "gateway_redis_up") == 2, "the gateway has its Redis")
        return gateways

    return start


def ask(gateway, **arguments):
    with RawClient(gateway.address, seconds=60) as client:
        return client.request(headers=AUTHORIZED, body=body(**arguments))


def error(response):
    return json.loads(bytes(response.body))["error"]


def test_a_dollar_among_two_hundred_on_two_gateways(two_gateways, upstream):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    books = RandomCosts(seed, most=600)
    upstream.answer(books)
    gateways = two_gateways(per_key={"budgets": ["1 usd per month"]})
    pause = threading.Event()
    ends = []

    def spend(place):
        with RawClient(gateways[place % 2].address, seconds=60) as client:
            while True:
                response = client.request(headers=AUTHORIZED, body=body(max_tokens=600))
                if response.status == 402:
                    ends.append(error(response))
                    return
                if response.status == 429:
                    # What is left is reserved by others, also of the other gateway, who may not need it.
                    assert response.header("retry-after") == "1"
                    assert b"have reserved so much" in response.body
                    pause.wait(0.02)
                else:
                    assert response.status == 200, response.body

    in_parallel(200, spend)
    spent = sum(books.costs)
    print(f"spent {spent / NANO} of 1 usd in {len(books.costs)} requests")
    assert 0.95 * NANO <= spent <= NANO + books.dearest, (seed, spent)
    assert {end["type"] for end in ends} == {"billing_error"}
    assert all("used up its budget of 1.00 USD per month" in end["message"] and "it renews at" in end["message"] for end in ends)


@pytest.mark.parametrize("limits", [{"requests_per_minute": 50}, {"budgets": ["50 requests per minute"]}], ids=["smooth", "sliding"])
def test_requests_of_a_minute_are_counted_at_the_upstream(two_gateways, upstream, limits):
    upstream.answer(replies.plain(200, replies.message()))
    gateways = two_gateways(per_key=limits)
    began = time.monotonic()
    answers = []

    def client(place):
        with RawClient(gateways[place % 2].address, seconds=60) as client:
            for _ in range(5):
                answers.append(client.request(headers=AUTHORIZED, body=body()))

    in_parallel(40, client)
    # The smooth one gives one back each 1.2 s; the sliding one all that is a minute old.
    seconds = time.monotonic() - began
    most = 50 + int(seconds / 1.2) + 1 if "requests_per_minute" in limits else 50 * (1 + int(seconds / 60))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 429}
    assert 50 <= len(upstream.requests) <= most
    assert len(upstream.requests) == statuses.count(200)
    for refused in (answer for answer in answers if answer.status == 429):
        assert error(refused)["type"] == "rate_limit_error"
        assert "the limit of 50 requests per minute" in error(refused)["message"]
        assert 1 <= int(refused.header("retry-after")) <= 64
        assert f"try again in {refused.header('retry-after')} s, at " in error(refused)["message"]


def test_what_is_left_is_told_by_either_gateway(two_gateways, upstream):
    upstream.answer(replies.plain(200, replies.message()))
    gateways = two_gateways(per_key={"budgets": ["6 requests per day"]})
    told = []
    for gateway in itertools.islice(itertools.cycle(gateways), 6):
        answer = ask(gateway)
        assert answer.status == 200 and answer.header("anthropic-ratelimit-requests-limit") == "6"
        told.append(int(answer.header("anthropic-ratelimit-requests-remaining")))
        resets = answer.header("anthropic-ratelimit-requests-reset")
    assert told == [5, 4, 3, 2, 1, 0]
    # The day of the configured zone, which is UTC.
    reset = datetime.datetime.strptime(resets, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    now = datetime.datetime.now(datetime.timezone.utc)
    assert (reset.hour, reset.minute, reset.second) == (0, 0, 0) and 0 <= (reset - now).total_seconds() <= 86400
    for gateway in gateways:
        refused = ask(gateway)
        assert refused.status == 429 and error(refused)["type"] == "rate_limit_error"
        assert refused.header("anthropic-ratelimit-requests-remaining") == "0"
        assert refused.header("anthropic-ratelimit-requests-reset") == resets
        seconds = int(refused.header("retry-after"))
        now = datetime.datetime.now(datetime.timezone.utc)
        assert abs((reset - now).total_seconds() - seconds) <= 5
        assert f"the API key 'laptop' reached the limit of 6 requests per day; try again in {seconds} s, at {resets}" in error(refused)["message"]
        # More than a minute away, so clients need not try.
        assert (refused.header("x-should-retry") == "false") == (seconds > 60)
    assert len(upstream.requests) == 6


def test_whoever_waits_as_long_as_it_was_told_is_let_in(two_gateways, upstream):
    upstream.answer(replies.plain(200, replies.message()))
    gateways = two_gateways(per_key={"requests_per_minute": 60})
    while (refused := ask(gateways[0])).status == 200:
        pass
    assert refused.header("retry-after") == "1"
    # A sixtieth of a minute after the last was let in, which is what was said, rounded up.
    answer = wait_until(lambda: (answer := ask(gateways[1])).status == 200 and answer, "the other gateway lets it in")
    assert answer.header("anthropic-ratelimit-requests-limit") == "60"
    assert answer.header("anthropic-ratelimit-requests-remaining") == "0"
