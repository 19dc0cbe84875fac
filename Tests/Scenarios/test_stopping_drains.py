"""SIGTERM: readiness says so, what runs is finished, then the process ends with status 0."""

import signal

from harness import replies
from harness.configuration import AUTHORIZED
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'


def test_running_streams_finish(gateway, upstream, connect):
    gate = replies.Gate()
    events = replies.message_events()
    upstream.answer(replies.stream([*events[:4], gate, *events[4:]]))
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    client.read_body_until(response, events[3])
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: "drain" in gateway.log(), "the log says that it drains")
    assert gateway.is_running
    gate.open()
    client.read_rest(response)
    assert response.is_complete and response.body == b"".join(events)
    assert gateway.wait_for_end() == 0


def test_readiness_says_no_while_draining(gateway, upstream, connect):
    gate = replies.Gate()
    upstream.answer([gate, *replies.plain()])
    client, probe = connect(gateway), connect(gateway)
    assert probe.request("GET", "/readyz").status == 200
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    wait_until(lambda: gate.is_reached, "the request is upstream")
    gateway.signal(signal.SIGTERM)

    def readiness():
        try:
            with connect(gateway) as fresh:
                return fresh.request("GET", "/readyz").status
        except (OSError, AssertionError, Exception):  # refused is as good a no as 503
            return 503

    wait_until(lambda: readiness() == 503, "readiness says no")
    gate.open()
    assert client.response().status == 200
    assert gateway.wait_for_end() == 0


def test_an_idle_gateway_ends_at_once(gateway, connect):
    client = connect(gateway)
    assert client.request("GET", "/livez").status == 200
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_for_end(seconds=5) == 0
    assert client.is_closed_by_gateway()


def test_the_drain_has_an_end(start_gateway, upstream, connect):
    gateway = start_gateway(timeouts={"drain": "300ms"})
    upstream.answer(replies.stream([*replies.message_events()[:4], replies.Stall()]))
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    client.read_body_until(response, b"Hello")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_for_end() == 0
    client.read_rest(response)
    assert not response.is_complete, "a stream that was cut by the end of the drain must not look whole"


def test_a_second_signal_ends_it_now(gateway, upstream, connect):
    upstream.answer([replies.Stall()])
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    upstream.wait_for_requests(1)
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: "drain" in gateway.log(), "the log says that it drains")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_for_end() == 0
