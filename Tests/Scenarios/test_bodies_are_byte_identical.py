"""What the client says arrives upstream byte for byte, and what the upstream says arrives at the client."""

import hashlib
import random

import pytest

from harness import replies
from harness.configuration import AUTHORIZED

REQUEST = ('{"model":"claude-test-1","max_tokens":8,"stream":true,"messages":[{"role":"user","content":"'
           + "ä€🙂\\u00e4 " * 50 + '"}],  "unknown_field" : {"a":1.0e5, "a":2},"top_p":0.5}\n').encode()
STREAM = [("accept", "application/json"), *AUTHORIZED]


def sha(data):
    return hashlib.sha256(data).hexdigest()


def relayed(connect, gateway, upstream, reply, body=REQUEST, headers=STREAM, **arguments):
    upstream.answer(reply)
    response = connect(gateway).request(headers=headers, body=body, **arguments)
    assert response.is_complete
    return response


@pytest.mark.parametrize("body", [
    REQUEST, b"{}", b'{"model":"claude-test-1","x":"' + b"y" * 200_000 + b'"}', bytes(range(256)) * 4,
], ids=["utf8-and-odd-spacing", "empty-object", "200kB", "not-json-at-all"])
@pytest.mark.parametrize("chunk_size", [None, 1000], ids=["length", "chunked"])
def test_request_bodies(gateway, upstream, connect, body, chunk_size):
    chunks = None if chunk_size is None else [body[i:i + chunk_size] for i in range(0, len(body), chunk_size)]
    if not body.startswith(b"{"):
        connect(gateway).request(target="/v1/files", headers=[
            *AUTHORIZED[:2], ("content-type", "application/octet-stream")], body=body, chunks=chunks)
    else:
        connect(gateway).request(headers=AUTHORIZED, body=body, chunks=chunks)
    assert upstream.wait_for_requests(1)[0].body_hash == sha(body)


def test_a_request_written_byte_by_byte(gateway, upstream, connect):
    from harness.client import request_bytes
    client = connect(gateway)
    for byte in request_bytes(headers=AUTHORIZED, body=REQUEST):
        client.send(bytes([byte]))
    assert client.response().status == 200
    assert upstream.last.body_hash == sha(REQUEST)


def test_a_gzipped_request_passes_as_it_is(gateway, upstream, connect):
    body = replies.gzipped(REQUEST)
    connect(gateway).request(headers=[*AUTHORIZED, ("content-encoding", "gzip")], body=body)
    assert upstream.last.body_hash == sha(body)
    assert upstream.last.header("content-encoding") == "gzip"


EVENTS = replies.message_events(["Grüße ", "🙂🙃 ", "\u2028 ende"])
CRLF = replies.message_events(["Grüße ", "🙂"], newline=b"\r\n")
MEGABYTE = replies.message_events(["z" * 1_000_000, "🙂" * 100_000])
UNKNOWN = [b": a comment\n\n", b"event: brand_new\ndata: {\"type\":\"brand_new\"}\nid: 7\nretry: 10\n\n", *EVENTS]


@pytest.mark.parametrize("events", [EVENTS, CRLF, MEGABYTE, UNKNOWN], ids=["utf8", "crlf", "1MB-events", "unknown-events"])
@pytest.mark.parametrize("cut", ["event", "odd", "all"])
def test_streams(gateway, upstream, connect, events, cut):
    whole = b"".join(events)
    if cut == "odd":
        randomness = random.Random(7)
        pieces, rest = [], whole
        while rest:
            size = randomness.randint(1, max(7, len(whole) // 200))
            pieces.append(rest[:size])
            rest = rest[size:]
    else:
        pieces = events if cut == "event" else [whole]
    response = relayed(connect, gateway, upstream, replies.stream(pieces))
    assert response.header("content-type") == "text/event-stream; charset=utf-8"
    assert response.body_hash == sha(whole)


def test_a_stream_written_byte_by_byte(gateway, upstream, connect):
    whole = b"".join(EVENTS)
    head, last = replies.stream([])
    raw = b"".join(replies.chunk(whole[i:i + 5]) for i in range(0, len(whole), 5))
    response = relayed(connect, gateway, upstream, [head, replies.Drip(raw, 1), last])
    assert response.body_hash == sha(whole)


def test_a_gzipped_stream_passes_as_it_is(gateway, upstream, connect):
    whole = replies.gzipped(b"".join(EVENTS))
    pieces = [whole[i:i + 11] for i in range(0, len(whole), 11)]
    response = relayed(connect, gateway, upstream, replies.stream(pieces, headers=[("content-encoding", "gzip")]))
    assert response.header("content-encoding") == "gzip"
    assert response.body_hash == sha(whole)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, 1024, 70_000, 5_000_000])
def test_plain_answers(gateway, upstream, connect, framing, size):
    body = random.Random(size).randbytes(size)
    if framing == "length":
        reply = replies.plain(200, body)
    elif framing == "chunked":
        reply = replies.chunked([body[i:i + 9999] for i in range(0, size, 9999)])
    else:
        reply = replies.close_delimited(body)
    response = relayed(connect, gateway, upstream, reply)
    assert response.body_hash == sha(body)


def test_chunk_extensions_and_trailers_do_not_disturb(gateway, upstream, connect):
    head = replies.chunked([])[0]
    body = b'{"id":"msg_test"}'
    reply = [head, b"5;name=\"v;x\"\r\n" + body[:5] + b"\r\n", b"%X;a=b;c\r\n" % (len(body) - 5) + body[5:] + b"\r\n",
             b"0\r\nx-checksum: abc\r\n\r\n"]
    assert relayed(connect, gateway, upstream, reply).body == body
    assert relayed(connect, gateway, upstream, replies.plain(200, body)).body == body
