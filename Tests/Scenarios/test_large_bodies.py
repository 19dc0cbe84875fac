"""Bodies up to 32 MB stay in memory; larger ones pass where the API allows them, from an unlinked file."""

import hashlib
import json

import pytest

from harness import replies
from harness.configuration import AUTHORIZED, MAIN, MAIN_ACCOUNT, SPARE, SPARE_ACCOUNT

MEGABYTE = 1 << 20
BLOCK = bytes(range(256)) * (MEGABYTE // 256)
UPLOAD = [*AUTHORIZED[:2], ("content-type", "application/octet-stream")]


def message_of(size):
    start, end = b'{"model":"claude-test-1","max_tokens":1,"messages":[],"pad":"', b'"}'
    return start + b"p" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_32_megabytes_arrive_whole(gateway, upstream, connect, is_chunked):
    body = message_of(32 * MEGABYTE)
    chunks = [body[i:i + 65_536] for i in range(0, len(body), 65_536)] if is_chunked else None
    response = connect(gateway).request(headers=AUTHORIZED, body=body, chunks=chunks)
    assert response.status == 200
    assert upstream.last.body_hash == hashlib.sha256(body).hexdigest()


def test_a_length_over_32_megabytes_is_413_at_once(gateway, upstream, connect):
    client = connect(gateway)
    client.send(f"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: {AUTHORIZED[0][1]}\r\n"
                f"Content-Length: {32 * MEGABYTE + 1}\r\n\r\n".encode())
    response = client.response()
    assert response.status == 413
    assert json.loads(response.body)["error"]["type"] == "request_too_large"
    assert upstream.requests == []


def test_chunks_that_grow_over_32_megabytes_are_413(gateway, upstream, connect):
    client = connect(gateway)
    client.send(f"POST /v1/messages HTTP/1.1\r\nHost: a\r\nx-api-key: {AUTHORIZED[0][1]}\r\n"
                f"Transfer-Encoding: chunked\r\n\r\n".encode())
    try:
        for _ in range(33):
            client.send(b"%x\r\n" % MEGABYTE + BLOCK + b"\r\n")
    except (BrokenPipeError, ConnectionResetError):
        pass
    response = client.response()
    assert response.status == 413
    assert upstream.requests == []


@pytest.mark.parametrize("target", ["/v1/files", "/v1/messages/batches"])
def test_files_and_batches_may_be_larger(gateway, upstream, connect, target):
    before = gateway.resident_bytes()
    client = connect(gateway, seconds=60)
    size = 80
    client.send(f"POST {target} HTTP/1.1\r\nHost: a\r\nx-api-key: {AUTHORIZED[0][1]}\r\n"
                f"Content-Length: {size * MEGABYTE}\r\n\r\n".encode())
    highest = 0
    for _ in range(size):
        client.send(BLOCK)
        highest = max(highest, gateway.resident_bytes())
    assert client.response().status == 200
    digest = hashlib.sha256()
    for _ in range(size):
        digest.update(BLOCK)
    assert upstream.last.body_hash == digest.hexdigest()
    assert highest - before < 40 * MEGABYTE, "the body was held in memory"
    assert [path for path in gateway.files_in_data() if path.suffix != ".so" and path.stat().st_size > MEGABYTE] == []


def test_a_spooled_body_is_sent_again_to_the_next_account(start_gateway, upstream, connect):
    gateway = start_gateway(accounts=[MAIN, SPARE])
    upstream.answer(replies.error(529, "overloaded_error"), account=MAIN_ACCOUNT)
    upstream.answer(replies.plain(200, b'{"id":"file_1"}'), account=SPARE_ACCOUNT)
    body = BLOCK * 40
    client = connect(gateway, seconds=60)
    for _ in range(2):
        assert client.request(target="/v1/files", headers=UPLOAD, body=body).status == 200
    wanted = hashlib.sha256(body).hexdigest()
    assert {received.body_hash for received in upstream.requests} == {wanted}
    assert {received.account for received in upstream.requests} == {MAIN_ACCOUNT, SPARE_ACCOUNT}


def test_memory_comes_back_after_large_bodies(gateway, upstream, connect):
    body = message_of(32 * MEGABYTE)
    before = gateway.resident_bytes()
    for _ in range(4):
        with connect(gateway) as client:
            assert client.request(headers=AUTHORIZED, body=body).status == 200
    assert gateway.resident_bytes() - before < 48 * MEGABYTE
