"""What a budget allows is spent and no more, among however many clients, across crashes, and whoever vanishes."""

import json
import os
import random
import threading
import time

from harness import replies
from harness.spending import MODEL, NANO, RandomCosts, in_parallel
from harness.spending import message_request as body
from harness.client import BrokenEnd, RawClient
from harness.configuration import AUTHORIZED, configuration
from harness.waiting import wait_until

VANISHING = int(os.environ.get("GATEWAY_VANISHING_CLIENTS", "500"))


def rows(gateway):
    done = gateway.run("usage", "rows", "--json", "--data", gateway.data, seconds=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def tokens_of(row):
    return sum(row[name] for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"))


def test_a_dollar_among_two_hundred(start_gateway, upstream):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    books = RandomCosts(seed, most=600)
    upstream.answer(books)
    gateway = start_gateway(threads=2, per_key={"budgets": ["1 usd per month"]}, ledger={"durability": "relaxed"})
    pause = threading.Event()
    ends = []

    def spend(place):
        with RawClient(gateway.address, seconds=60) as client:
            while True:
                response = client.request(headers=AUTHORIZED, body=body(max_tokens=600))
                if response.status == 402:
                    ends.append(json.loads(bytes(response.body))["error"])
                    return
                if response.status == 429:
                    # What is left is reserved by others who may not need it.
                    assert response.header("retry-after") == "1"
                    assert b"have reserved so much" in response.body
                    pause.wait(0.02)
                else:
                    assert response.status == 200

    in_parallel(200, spend)
    spent = sum(books.costs)
    # The dearest request costs less than a cent; one of them may have begun with less than that left.
    assert 0.95 * NANO <= spent <= NANO + books.dearest, (seed, spent)
    assert {end["type"] for end in ends} == {"billing_error"}
    assert "used up its budget of 1.00 USD per month" in ends[0]["message"] and "it renews at" in ends[0]["message"]


def test_requests_of_a_minute_are_counted_at_the_upstream(start_gateway, upstream):
    upstream.answer(replies.plain(200, replies.message()))
    gateway = start_gateway(threads=2, per_key={"budgets": ["50 requests per minute"]}, ledger={"durability": "relaxed"})
    began = time.monotonic()
    statuses = []

    def ask(place):
        with RawClient(gateway.address, seconds=60) as client:
            for _ in range(5):
                statuses.append(client.request(headers=AUTHORIZED, body=body()).status)

    in_parallel(40, ask)
    minutes = int((time.monotonic() - began) / 60)
    assert set(statuses) == {200, 429}
    assert 50 <= len(upstream.requests) <= 50 * (1 + minutes)
    assert len(upstream.requests) == statuses.count(200)


def remaining(gateway):
    """What a request is told, and what it had reserved itself."""
    sent = body()
    with RawClient(gateway.address, seconds=60) as client:
        response = client.request(headers=AUTHORIZED, body=sent)
    assert response.status == 200, response.body
    return int(response.header("anthropic-ratelimit-tokens-remaining")), len(sent) // 3 + 10


def test_a_killed_gateway_has_spent_what_its_ledger_says(start_gateway, upstream):
    limit = 1_000_000
    upstream.answer(RandomCosts(1, most=300))
    gateway = start_gateway(threads=2, per_key={"budgets": [f"{limit} tokens per day", f"{limit} tokens in all"]})
    stop = threading.Event()

    def ask(place):
        while not stop.is_set():
            try:
                with RawClient(gateway.address, seconds=10) as client:
                    while not stop.is_set():
                        client.request(headers=AUTHORIZED, body=body())
            except (OSError, BrokenEnd, AssertionError, IndexError, ValueError):
                stop.wait(0.01)

    threads = [threading.Thread(target=ask, args=(place,), daemon=True) for place in range(8)]
    for thread in threads:
        thread.start()
    for round in range(3):
        before = len(upstream.requests)
        wait_until(lambda: len(upstream.requests) > before + 50, "some requests")
        if round == 2:
            stop.set()
        gateway.kill()
        if round == 2:
            for thread in threads:
                thread.join(timeout=30)
        gateway.start()
    spent = sum(tokens_of(row) for row in rows(gateway))
    told, own = remaining(gateway)
    assert spent > 0
    assert told == limit - spent - own
    # Raised and lowered, what was spent stays.
    spent = sum(tokens_of(row) for row in rows(gateway))
    gateway.reload(configuration(
        upstream.url, threads=2, per_key={"budgets": [f"{3 * limit} tokens per day", f"{4 * limit} tokens in all"]}))
    response_limits = set()
    with RawClient(gateway.address, seconds=60) as client:
        response = client.request(headers=AUTHORIZED, body=body())
        response_limits.add(response.header("anthropic-ratelimit-tokens-limit"))
        told = int(response.header("anthropic-ratelimit-tokens-remaining"))
    assert response_limits == {str(3 * limit)}
    assert 3 * limit - spent - 4000 <= told < 3 * limit - spent


EVENTS = replies.message_events(model=MODEL)


def vanish_before_head(client, gate):
    client.send(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-")


def vanish_in_body(client, gate):
    sent = body(filler=2000)
    head = "".join(f"{name}: {value}\r\n" for name, value in AUTHORIZED)
    client.send(f"POST /v1/messages HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(sent)}\r\n\r\n".encode() + sent[:700])


def vanish_before_first_byte(client, gate):
    client.request(headers=AUTHORIZED, body=body(stream=True), read=False)
    wait_until(lambda: gate.is_reached, "the upstream has the request")


def vanish_in_stream(client, gate):
    client.request(headers=AUTHORIZED, body=body(stream=True), read=False)
    response = client.response_head()
    client.read_body_until(response, b"message_start")


def vanish_after_the_last_byte(client, gate):
    client.request(headers=AUTHORIZED, body=body(stream=True))


STAGES = {
    "before_head": (vanish_before_head, lambda gate: replies.stream(EVENTS)),
    "in_body": (vanish_in_body, lambda gate: replies.stream(EVENTS)),
    "before_first_byte": (vanish_before_first_byte, lambda gate: [gate, *replies.stream(EVENTS)]),
    "in_stream": (vanish_in_stream, lambda gate: replies.stream([*EVENTS[:2], gate, *EVENTS[2:]])),
    "after_the_last_byte": (vanish_after_the_last_byte, lambda gate: replies.stream(EVENTS)),
}


def test_nothing_stays_reserved_when_clients_vanish(start_gateway, upstream):
    limit = 100_000_000
    places = 64
    gateway = start_gateway(
        threads=2, per_key={"concurrency": places, "budgets": [f"{limit} tokens per day"]}, ledger={"durability": "relaxed"})
    for name, (vanish, script) in STAGES.items():
        for wave in range(max(1, VANISHING // len(STAGES) // 20)):
            gate = replies.Gate()
            upstream.answer(lambda received, gate=gate, script=script: script(gate))

            def leave(place):
                with RawClient(gateway.address, seconds=60) as client:
                    vanish(client, gate)
                    client.reset()

            in_parallel(20, leave)
            gate.open()
    upstream.answer(replies.plain(200, json.dumps(
        {"id": "m", "type": "message", "model": MODEL, "content": [], "usage": {"input_tokens": 3, "output_tokens": 4}}).encode()))

    def all_is_back():
        with RawClient(gateway.address, seconds=60) as client:
            response = client.request(headers=AUTHORIZED, body=body())
        if response.status != 200:
            return False
        told = int(response.header("anthropic-ratelimit-tokens-remaining"))
        spent = sum(tokens_of(row) for row in rows(gateway))
        # This request's own tokens are in the ledger by now, its estimate is in what it was told.
        return limit - told - (spent - 7) <= len(body()) // 3 + 10 + 2048

    wait_until(all_is_back, "what was reserved is back, and what was used is counted")
    # And every place is free: as many as there are can be held at once.
    gate = replies.Gate()
    before = len(upstream.requests)
    upstream.answer([gate, *replies.plain()])

    def hold(place):
        with RawClient(gateway.address, seconds=60) as client:
            assert client.request(headers=AUTHORIZED, body=body()).status == 200

    holders = threading.Thread(target=lambda: in_parallel(places, hold), daemon=True)
    holders.start()
    wait_until(lambda: len(upstream.requests) == before + places, "every place is taken")
    gate.open()
    holders.join(timeout=60)
    assert not holders.is_alive()
