"""A client that goes away costs nothing for long: its exchange ends, and nothing of it stays behind."""

import pytest

from harness import replies
from harness.configuration import AUTHORIZED, CLIENT_KEY
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'


def ended_upstream(upstream, number=-1):
    received = upstream.requests[number]
    return received.was_answered or received.gateway_left.is_set()


@pytest.mark.parametrize("how", ["close", "reset"])
def test_in_the_middle_of_a_stream(gateway, upstream, connect, how):
    gate = replies.Gate()
    events = replies.message_events(["one"] * 50)
    upstream.answer(replies.stream([*events[:10], gate, *events[10:]]))
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    client.read_body_until(response, events[9])
    getattr(client, how)()
    gate.open()
    wait_until(lambda: ended_upstream(upstream), "the upstream exchange was drained or cancelled")
    assert connect(gateway).request("GET", "/health").status == 200


def test_before_the_first_byte(gateway, upstream, connect):
    gate = replies.Gate()
    upstream.answer([gate, *replies.plain(200, replies.message())])
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    wait_until(lambda: gate.is_reached, "the request is upstream")
    client.reset()
    gate.open()
    wait_until(lambda: ended_upstream(upstream), "the upstream exchange ended")


def test_in_the_middle_of_a_request(gateway, upstream, connect):
    client = connect(gateway)
    client.send(f"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: {CLIENT_KEY}\r\nContent-Length: 100\r\n\r\nhalf"
                .encode())
    client.close()
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    assert len(upstream.wait_for_requests(1)) == 1


def test_a_stream_that_never_ends_is_not_drained_for_ever(start_gateway, upstream, connect):
    """Draining is bounded: an upstream that stalls after its client left is let go of."""
    gateway = start_gateway(client_gone={"policy": "drain", "drain_limit": "200ms"})
    upstream.answer(replies.stream([*replies.message_events()[:4], replies.Stall()]))
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    client.read_body_until(client.response_head(), b"Hello")
    client.close()
    assert upstream.last.gateway_left.wait(timeout=20), "the upstream connection was kept"


def test_a_thousand_clients_that_leave_leave_nothing_behind(gateway, upstream, connect):
    connect(gateway).request(headers=AUTHORIZED, body=BODY)
    descriptors = gateway.descriptor_count()
    for number in range(1000):
        with connect(gateway) as client:
            client.request(headers=AUTHORIZED, body=BODY, read=False)
            if number % 3 == 0:
                client.reset()
    wait_until(lambda: gateway.descriptor_count() <= descriptors + 70, "descriptors came back")
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200


def test_in_the_middle_of_a_large_answer(start_gateway, upstream, connect):
    """The write that finds the client gone ends the exchange while its bytes are being handed over."""
    gateway = start_gateway(client_gone={"policy": "abort"})
    count = 20
    upstream.answer(replies.plain(200, b"{}" + b" " * (4 << 20)))
    for _ in range(count):
        client = connect(gateway)
        client.request(headers=AUTHORIZED, body=BODY, read=False)
        client.response_head()
        client.reset()
    upstream.wait_for_requests(count)
    for number in range(count):
        wait_until(lambda: ended_upstream(upstream, number), "the upstream exchange was cancelled")
    assert connect(gateway).request("GET", "/health").status == 200
