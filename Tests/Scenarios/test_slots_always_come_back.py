"""A concurrency slot is returned after every kind of end; the complaint is slots that never are."""

import pytest

from harness import replies
from harness.configuration import AUTHORIZED, MAIN, SPARE
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'
EVENTS = replies.message_events()


def finish(client, _gate):
    client.response()


def leave(client, gate):
    client.reset()
    gate.open()


ENDS = {
    "plain": (lambda gate: replies.plain(), finish),
    "stream": (lambda gate: replies.stream(EVENTS), finish),
    "error": (lambda gate: replies.error(400, "invalid_request_error"), finish),
    "cut-before-head": (lambda gate: [replies.Reset()], finish),
    "cut-in-stream": (lambda gate: [*replies.stream(EVENTS[:3], end=False), replies.Reset()], finish),
    "client-leaves-before-head": (lambda gate: [gate, *replies.plain()], leave),
    "client-leaves-in-stream": (lambda gate: replies.stream([*EVENTS[:3], gate, *EVENTS[3:]]), leave),
}


@pytest.mark.parametrize("end", ENDS)
def test_after(start_gateway, upstream, connect, end):
    script, act = ENDS[end]
    gateway = start_gateway(accounts=[MAIN, SPARE], per_key={"requests_per_minute": 100000, "concurrency": 2})
    for _ in range(6):
        gate = replies.Gate()
        before = len(upstream.requests)
        upstream.answer(lambda received, gate=gate: script(gate))
        client = connect(gateway)
        client.request(headers=AUTHORIZED, body=BODY, read=False)
        wait_until(lambda: len(upstream.requests) > before, "the request went upstream: a slot was free")
        act(client, gate)
        upstream.answer(replies.plain())
        wait_until(lambda: connect(gateway).request(headers=AUTHORIZED, body=BODY).status in (200, 529), "a slot is free again")


def test_after_a_refusal_further_down_the_chain(start_gateway, upstream, connect):
    """The limiter granted, a later plugin refused: the grant is returned all the same."""
    gateway = start_gateway(per_key={"requests_per_minute": 100000, "concurrency": 1}, upstream_url="http://127.0.0.1:9")
    for _ in range(5):
        assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status in (502, 529)


def test_exactly_the_limit_at_once(start_gateway, upstream, connect):
    gateway = start_gateway(per_key={"requests_per_minute": 100000, "concurrency": 5}, threads=2)
    gate = replies.Gate()
    upstream.answer([gate, *replies.plain()])
    clients = [connect(gateway) for _ in range(20)]
    for client in clients:
        client.request(headers=AUTHORIZED, body=BODY, read=False)
    upstream.wait_for_requests(5)
    gate.open()
    statuses = sorted(client.response().status for client in clients)
    assert statuses.count(429) >= 10 and statuses.count(200) >= 5
    assert statuses.count(200) + statuses.count(429) == 20
