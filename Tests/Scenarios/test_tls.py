"""TLS to the upstream is verified, resumed and relayed like plain text; TLS from clients works."""

import socket
import ssl

import pytest

from harness import replies
from harness.client import RawClient
from harness.configuration import AUTHORIZED
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'


@pytest.fixture
def secure_upstream(make_upstream, authority):
    return make_upstream(tls=authority.server_context())


def trusting(upstream, authority):
    return {"url": upstream.url, "ca_file": str(authority.file)}


def test_a_stream(start_gateway, secure_upstream, authority, connect):
    gateway = start_gateway(upstream_url=trusting(secure_upstream, authority))
    events = replies.message_events(["x" * 50_000, "y"])
    secure_upstream.answer(replies.stream(events))
    for _ in range(5):
        assert connect(gateway).request(headers=AUTHORIZED, body=BODY).body == b"".join(events)
    assert secure_upstream.connections == 1


def test_large_bodies(start_gateway, secure_upstream, authority, connect):
    gateway = start_gateway(upstream_url=trusting(secure_upstream, authority))
    body = b'{"model":"m","pad":"' + b"p" * 8_000_000 + b'"}'
    secure_upstream.answer(replies.plain(200, b"r" * 8_000_000))
    response = connect(gateway).request(headers=AUTHORIZED, body=body)
    assert len(response.body) == 8_000_000 and secure_upstream.last.body == body


def test_an_unknown_authority_is_refused(start_gateway, secure_upstream, connect):
    gateway = start_gateway(upstream_url=secure_upstream.url)
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 502
    assert secure_upstream.requests == []


def test_a_certificate_for_another_name_is_refused(start_gateway, make_upstream, authority, connect):
    upstream = make_upstream(tls=authority.server_context(names="DNS:elsewhere.example"))
    gateway = start_gateway(upstream_url=trusting(upstream, authority))
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 502
    assert upstream.requests == []


def test_an_address_in_the_url_is_checked_as_an_address(start_gateway, make_upstream, authority, connect):
    upstream = make_upstream(tls=authority.server_context(names="IP:127.0.0.1"), host="127.0.0.1")
    gateway = start_gateway(upstream_url=trusting(upstream, authority))
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200


def test_plain_text_on_a_tls_port_fails_cleanly(start_gateway, upstream, authority, connect):
    gateway = start_gateway(upstream_url={"url": upstream.url.replace("http:", "https:"), "ca_file": str(authority.file)},
                            timeouts={"tls_handshake": "1s"})
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status in (502, 504)
    assert upstream.requests == []


def test_a_tls_connection_cut_without_goodbye_is_a_broken_end(start_gateway, secure_upstream, authority, connect):
    gateway = start_gateway(upstream_url=trusting(secure_upstream, authority))
    secure_upstream.answer([*replies.stream(replies.message_events()[:4], end=False), replies.Reset()])
    assert not connect(gateway).request(headers=AUTHORIZED, body=BODY).is_complete


def test_clients_over_tls(start_gateway, upstream, authority):
    authority.server_context()
    gateway = start_gateway(listen=[{"address": "127.0.0.1:0", "tls": {
        "certificate": str(authority.directory / "server.pem"), "key": str(authority.directory / "server.key")}}])
    events = replies.message_events()
    upstream.answer(replies.stream(events))
    client = RawClient(gateway.address)
    client.socket = ssl.create_default_context(cafile=str(authority.file)).wrap_socket(
        client.socket, server_hostname="localhost")
    for _ in range(3):
        assert client.request(headers=AUTHORIZED, body=BODY).body == b"".join(events)
    client.close()
    # Plain text on the TLS port is turned away and the port goes on working.
    with socket.create_connection(gateway.address.rsplit(":", 1)) as plain:
        plain.settimeout(20)
        plain.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_until(lambda: not plain.recv(1000).startswith(b"HTTP/1.1 200"), "refused")
