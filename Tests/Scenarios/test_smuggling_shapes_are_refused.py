"""A request whose framing can be read in two ways gets 400 and a closed connection, and never reaches the upstream."""

import json

import pytest

from harness.configuration import CLIENT_KEY

HEAD = f"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: {CLIENT_KEY}\r\n".encode()

SHAPES = {
    "length-and-chunked": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-and-length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two-different-lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "two-equal-lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length-list": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed-length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "negative-length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "hexadecimal-length": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "empty-length": HEAD + b"Content-Length: \r\n\r\n{}",
    "enormous-length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    "unknown-encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "encoding-twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-not-last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "folded-header": HEAD + b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "folded-encoding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare-lf": HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    "bare-lf-in-one-line": HEAD + b"X-A: b\nContent-Length: 2\r\n\r\n{}",
    "bare-cr": HEAD + b"X-A: b\rContent-Length: 2\r\n\r\n{}",
    "nul-in-value": HEAD + b"X-A: b\0c\r\nContent-Length: 2\r\n\r\n{}",
    "nul-in-target": b"POST /v1/messages\0 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "space-before-colon": HEAD + b"Content-Length : 2\r\n\r\n{}",
    "space-in-name": HEAD + b"Content Length: 2\r\n\r\n{}",
    "no-colon": HEAD + b"Content-Length\r\n\r\n",
    "empty-name": HEAD + b": 2\r\n\r\n",
    "tab-in-request-line": b"POST\t/v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "two-spaces-in-request-line": b"POST  /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "version-two": b"POST /v1/messages HTTP/2.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "version-with-spaces": b"POST /v1/messages HTTP/1.1 \r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "no-host": b"POST /v1/messages HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "two-hosts": HEAD + b"Host: b\r\nContent-Length: 2\r\n\r\n{}",
    "not-http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
}

CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODIES = {
    "chunk-size-not-hexadecimal": b"zz\r\n{}\r\n0\r\n\r\n",
    "chunk-size-signed": b"+2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-empty": b"\r\n{}\r\n0\r\n\r\n",
    "chunk-size-space-first": b" 2\r\n{}\r\n0\r\n\r\n",
    "chunk-size-overflows": b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk-size-bare-lf": b"2\n{}\r\n0\r\n\r\n",
    "chunk-longer-than-it-says": b"2\r\n{}x\r\n0\r\n\r\n",
    "chunk-without-end": b"2\r\n{}0\r\n\r\n",
    "extension-with-bare-lf": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "trailer-folded": b"2\r\n{}\r\n0\r\nA: b\r\n c\r\n\r\n",
    "trailer-without-colon": b"2\r\n{}\r\n0\r\nnothing\r\n\r\n",
}


def refused(connect, gateway, upstream, data):
    client = connect(gateway)
    client.send(data + b"GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    response = client.response()
    assert response.status in (400, 501, 505), response.status
    assert (response.header("connection") or "").lower() == "close"
    document = json.loads(response.body)
    assert document["type"] == "error"
    assert document["error"]["type"] == "invalid_request_error"
    assert client.is_closed_by_gateway()
    assert upstream.requests == []


@pytest.mark.parametrize("shape", SHAPES)
def test_heads(gateway, upstream, connect, shape):
    refused(connect, gateway, upstream, SHAPES[shape])


@pytest.mark.parametrize("shape", BODIES)
def test_chunked_bodies(gateway, upstream, connect, shape):
    refused(connect, gateway, upstream, CHUNKED + BODIES[shape])


@pytest.mark.parametrize("split", [1, 7, 64])
def test_refused_however_it_is_cut(gateway, upstream, connect, split):
    client = connect(gateway)
    data = SHAPES["length-and-chunked"]
    for start in range(0, len(data), split):
        try:
            client.send(data[start:start + split])
        except (BrokenPipeError, ConnectionResetError):
            break
    assert client.response().status == 400
    assert upstream.requests == []


@pytest.mark.parametrize("data", [
    HEAD + b"X-Long: " + b"a" * 400_000 + b"\r\n\r\n",
    HEAD + b"".join(b"X-%d: a\r\n" % number for number in range(5000)) + b"\r\n",
    b"GET /" + b"a" * 400_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
], ids=["long-header", "many-headers", "long-target"])
def test_heads_have_a_limit(gateway, upstream, connect, data):
    client = connect(gateway)
    try:
        client.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert client.response_head().status in (400, 414, 431)
    assert upstream.requests == []


def test_a_scheme_and_authority_in_the_target_change_nothing(gateway, upstream, connect):
    """RFC 9112 section 3.2.2: a server accepts the absolute form; it must not become a road elsewhere."""
    client = connect(gateway)
    client.send(b"POST http://elsewhere.example/v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: "
                + CLIENT_KEY.encode() + b"\r\nContent-Length: 2\r\n\r\n{}")
    status = client.response_head().status
    assert status in (200, 400, 404)
    for received in upstream.requests:
        assert received.target == "/v1/messages"
