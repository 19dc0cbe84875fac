"""Clients that dawdle over a head, a body or a goodbye are ended by a limit, and cost no thread."""

import json

from harness.configuration import AUTHORIZED, CLIENT_KEY

BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


def test_a_head_that_never_ends(start_gateway, upstream, connect):
    gateway = start_gateway(timeouts={"header_read": "200ms"})
    client = connect(gateway)
    client.send(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\n")
    response_or_end = client.socket.recv(10_000)
    assert response_or_end == b"" or response_or_end.startswith(b"HTTP/1.1 408")
    assert upstream.requests == []


def test_a_body_that_never_ends(start_gateway, upstream, connect):
    gateway = start_gateway(timeouts={"body_upload": "200ms"})
    client = connect(gateway)
    client.send(f"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: {CLIENT_KEY}\r\nContent-Length: 9\r\n\r\n{{"
                .encode())
    response = client.response()
    assert response.status == 408
    assert json.loads(response.body)["error"]["type"] in ("invalid_request_error", "timeout_error")
    assert client.is_closed_by_gateway()
    assert upstream.requests == []


def test_an_idle_connection(start_gateway, connect):
    gateway = start_gateway(timeouts={"keep_alive": "200ms"})
    client = connect(gateway)
    assert client.request("GET", "/livez").status == 200
    assert client.is_closed_by_gateway()


def test_five_hundred_dawdlers_cost_no_thread_and_little_memory(gateway, upstream, connect):
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    threads, memory = gateway.thread_count(), gateway.resident_bytes()
    for number in range(500):
        connect(gateway).send(b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"a" * (number % 50))
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    assert gateway.thread_count() == threads
    assert gateway.resident_bytes() - memory < 500 * 48 * 1024


def test_more_clients_than_allowed_wait_or_are_refused_and_the_rest_go_on(start_gateway, upstream, connect):
    gateway = start_gateway(limits={"connections": 20})
    kept = [connect(gateway) for _ in range(15)]
    for client in kept:
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    for _ in range(40):
        connect(gateway)
    for client in kept:
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
