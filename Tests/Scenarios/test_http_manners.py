"""HTTP/1.1 as clients use it: keep-alive, pipelining, HEAD, 100-continue, half-close, interim answers."""

import pytest

from harness import replies
from harness.client import request_bytes
from harness.configuration import AUTHORIZED, CLIENT_KEY
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


def test_one_connection_carries_many_exchanges(gateway, upstream, connect):
    client = connect(gateway)
    for number in range(20):
        upstream.enqueue(replies.plain(200, b'{"n":%d}' % number))
        assert client.request(headers=AUTHORIZED, body=BODY).body == b'{"n":%d}' % number
    assert upstream.connections == 1, "the upstream connection was not kept"


def test_connection_close_is_honoured(gateway, connect):
    client = connect(gateway)
    response = client.request(headers=[*AUTHORIZED, ("Connection", "close")], body=BODY)
    assert response.status == 200 and response.header("connection").lower() == "close"
    assert client.is_closed_by_gateway()


def test_http_1_0_gets_an_answer_and_a_close(gateway, connect):
    client = connect(gateway)
    client.send(f"GET /health HTTP/1.0\r\nx-api-key: {CLIENT_KEY}\r\n\r\n".encode())
    assert client.response().status in (200, 400, 505)
    assert client.is_closed_by_gateway()


def test_pipelined_requests_are_answered_in_order(gateway, upstream, connect):
    first_gate = replies.Gate()
    upstream.enqueue([first_gate, *replies.plain(200, b'{"n":0}')], *[
        replies.plain(200, b'{"n":%d}' % number) for number in range(1, 5)])
    client = connect(gateway)
    client.send(request_bytes(headers=AUTHORIZED, body=BODY) * 5)
    wait_until(lambda: first_gate.is_reached, "the first request is upstream")
    assert len(upstream.requests) == 1, "the next pipelined request starts when the one before it has ended"
    first_gate.open()
    assert [client.response().body for _ in range(5)] == [b'{"n":%d}' % number for number in range(5)]


def test_pipelined_bytes_beyond_a_stream_wait(gateway, upstream, connect):
    events = replies.message_events()
    upstream.enqueue(replies.stream(events), replies.plain(200, b'{"after":1}'))
    client = connect(gateway)
    client.send(request_bytes(headers=AUTHORIZED, body=BODY) * 2)
    assert client.response().body == b"".join(events)
    assert client.response().body == b'{"after":1}'


def test_head_has_no_body_and_the_connection_goes_on(gateway, upstream, connect):
    client = connect(gateway)
    upstream.enqueue([replies.Send(replies.head(200, [("content-length", 1234), ("content-type", "application/json")]))])
    response = client.request("HEAD", "/v1/models", headers=AUTHORIZED)
    assert response.status == 200 and response.body == b""
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200


@pytest.mark.parametrize("target", ["/", "/api/hello", "/api/api/hello"])
def test_the_probe_of_claude_code_leaves_the_connection_usable(gateway, connect, target):
    client = connect(gateway)
    response = client.request("HEAD", target)
    assert response.body == b""
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200


def test_expect_100_continue_is_answered_before_the_body(gateway, upstream, connect):
    client = connect(gateway)
    client.send(request_bytes(headers=[*AUTHORIZED, ("Expect", "100-continue")], body=BODY)[:-len(BODY)])
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
    client.send(BODY)
    assert client.response().status == 200
    assert upstream.last.body == BODY


def test_expect_is_refused_without_reading_when_the_key_is_wrong(gateway, upstream, connect):
    client = connect(gateway)
    client.send(request_bytes(headers=[("x-api-key", "cr_wrong"), ("Expect", "100-continue")], body=BODY)[:-len(BODY)])
    response = client.response()
    assert response.status == 401 and response.interim == []


def test_an_unknown_expectation_is_417(gateway, upstream, connect):
    client = connect(gateway)
    client.send(request_bytes(headers=[*AUTHORIZED, ("Expect", "something-else")], body=BODY))
    assert client.response_head().status == 417


def test_interim_answers_of_the_upstream_do_not_end_the_exchange(gateway, upstream, connect):
    upstream.answer([b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
                     *replies.plain(200, b'{"final":1}')])
    response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
    assert response.status == 200 and response.body == b'{"final":1}'


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body(gateway, upstream, connect, status):
    client = connect(gateway)
    upstream.enqueue([replies.Send(replies.head(status, [("etag", '"a"')]))])
    assert client.request("GET", "/v1/models", headers=AUTHORIZED).status == status
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200


def test_a_half_closed_client_still_gets_its_answer(gateway, upstream, connect):
    gate = replies.Gate()
    upstream.answer([gate, *replies.plain(200, b'{"late":1}')])
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    client.half_close()
    wait_until(lambda: gate.is_reached, "the request is upstream")
    gate.open()
    assert client.response().body == b'{"late":1}'
    assert client.is_closed_by_gateway()


def test_a_stale_pooled_connection_is_replaced_unseen(gateway, upstream, connect):
    client = connect(gateway)
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    # The upstream ends the pooled connection when it sees the next request, before a byte of answer.
    upstream.enqueue([replies.Close()])
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    assert upstream.connections == 2


def test_leading_empty_lines_are_tolerated(gateway, connect):
    """RFC 9112 section 2.2: a server ignores an empty line before the request line."""
    client = connect(gateway)
    client.send(b"\r\n" + request_bytes(headers=AUTHORIZED, body=BODY))
    assert client.response().status == 200


def test_a_bad_answer_of_the_upstream_is_a_502(gateway, upstream, connect):
    for shape in [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
                  b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                  b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n"]:
        upstream.answer([shape, replies.Close()])
        response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
        assert response.status == 502, shape
