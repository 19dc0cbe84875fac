"""A client that does not read stops the upstream from being read; memory per stream stays bounded."""

from harness import replies
from harness.configuration import AUTHORIZED
from harness.gateway import IS_SANITIZED
from harness.waiting import stays, wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'
MEGABYTE = 1 << 20
EVENT = replies.event("content_block_delta", {"type": "content_block_delta", "index": 0,
                                              "delta": {"type": "text_delta", "text": "x" * 100_000}})


def test_a_stream_nobody_reads(gateway, upstream, connect):
    count = 300
    # The code of this road is read from the disk by the first stream, which is not what is measured.
    upstream.answer(replies.stream([EVENT]))
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).is_complete
    upstream.answer(replies.stream([EVENT] * count))
    before = gateway.resident_bytes()
    client = connect(gateway, receive_buffer_bytes=128 << 10, seconds=60)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    wait_until(lambda: len(upstream.requests) == 2 and upstream.last.is_complete, "the request is upstream")
    stays(lambda: gateway.resident_bytes() - before < 8 * MEGABYTE, "bounded memory while nobody reads", seconds=1.0)
    assert not upstream.last.was_answered, "the upstream was read although the client reads nothing"
    response = client.response()
    assert response.is_complete and len(response.body) == len(EVENT) * count
    assert gateway.resident_bytes() - before < 16 * MEGABYTE


def test_sixty_slow_readers_share_a_small_sum(start_gateway, upstream, connect):
    gateway = start_gateway(client_gone={"policy": "abort"})
    count = 8 if IS_SANITIZED else 60  # one loop reads a megabyte a second there, and memory is not measured
    upstream.answer(replies.plain(200, b"{}" + b" " * 8 * MEGABYTE))
    clients = [connect(gateway, receive_buffer_bytes=128 << 10, seconds=60) for _ in range(count)]
    assert clients[0].request("GET", "/health").status == 200
    before = gateway.resident_bytes()
    for client in clients:
        client.request(headers=AUTHORIZED, body=BODY, read=False)
    upstream.wait_for_requests(count)
    stays(lambda: gateway.resident_bytes() - before < 60 * MEGABYTE, "at most a megabyte each", seconds=1.0)
    for client in clients[:5]:
        assert len(client.response().body) == 8 * MEGABYTE + 2


def test_a_slow_upstream_reader_stops_the_client(gateway, upstream, connect):
    """An upload to an upstream that does not read is held back, not gathered twice."""
    from harness.upstream import Early
    gate = replies.Gate()
    upstream.answer(Early([gate, *replies.plain(200, b'{"early":1}'), replies.Stall()]))
    before = gateway.resident_bytes()
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=b'{"model":"m","pad":"' + b"p" * 16 * MEGABYTE + b'"}', read=False)
    wait_until(lambda: gate.is_reached, "the head is upstream")
    assert gateway.resident_bytes() - before < 48 * MEGABYTE
    gate.open()
    assert client.response_head().status == 200
