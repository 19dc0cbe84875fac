"""When the upstream breaks off after the first byte, the client notices: an error event, then a broken end."""

import json

import pytest

from harness import replies
from harness.configuration import AUTHORIZED
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'


@pytest.mark.parametrize("end", [replies.Reset(), replies.Close()], ids=["reset", "close"])
@pytest.mark.parametrize("delivered", [1, 4, 7])
def test_a_stream(gateway, upstream, connect, end, delivered):
    events = replies.message_events()
    gate = replies.Gate()
    upstream.answer([*replies.stream(events[:delivered], end=False), gate, end])
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    client.read_body_until(response, events[delivered - 1])
    gate.open()
    client.read_rest(response)
    assert not response.is_complete, "a cut stream must not end cleanly"
    assert response.body.startswith(b"".join(events[:delivered]))
    rest = response.body[len(b"".join(events[:delivered])):]
    assert rest.lstrip(b"\n").startswith(b"event: error\ndata: "), rest
    error = json.loads(rest.split(b"data: ", 1)[1].split(b"\n")[0])
    assert error["type"] == "error" and error["error"]["type"] == "api_error"


def test_a_stream_cut_inside_an_event_ends_the_event_first(gateway, upstream, connect):
    events = replies.message_events()
    half = events[4][:20]
    gate = replies.Gate()
    upstream.answer([*replies.stream([*events[:4], half], end=False), gate, replies.Close()])
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    client.read_body_until(response, events[3])
    gate.open()
    client.read_rest(response)
    assert not response.is_complete
    assert b"\n\nevent: error\n" in response.body[len(b"".join(events[:4])):]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_plain_answer(gateway, upstream, connect, framing):
    gate = replies.Gate()
    if framing == "length":
        steps = [replies.head(200, [("content-type", "application/json"), ("content-length", 100_000)]) + b'{"a":"' + b"x" * 50_000]
    else:
        steps = replies.chunked([b'{"a":"' + b"x" * 50_000], end=False)
    upstream.answer([*steps, gate, replies.Reset()])
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    client.read_body_until(response, b"x" * 1000)
    gate.open()
    client.read_rest(response)
    assert not response.is_complete
    assert b"event: error" not in response.body


def test_a_gzipped_stream_gets_no_plain_text_in_its_middle(gateway, upstream, connect):
    whole = replies.gzipped(b"".join(replies.message_events()))
    gate = replies.Gate()
    upstream.answer([*replies.stream([whole[:30]], headers=[("content-encoding", "gzip")], end=False), gate, replies.Reset()])
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    gate.open()
    response.pieces = client.body_pieces(response)
    client.read_rest(response)
    assert not response.is_complete
    assert whole.startswith(bytes(response.body)), "bytes that are no gzip were put into a gzip stream"


def test_a_cut_exchange_does_not_poison_the_pool(gateway, upstream, connect):
    upstream.enqueue([*replies.stream(replies.message_events()[:3], end=False), replies.Reset()])
    assert not connect(gateway).request(headers=AUTHORIZED, body=BODY).is_complete
    for _ in range(5):
        assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200


def test_an_upstream_that_goes_silent_is_ended_by_the_idle_limit(start_gateway, upstream, connect):
    gateway = start_gateway(timeouts={"idle": "300ms"})
    upstream.answer(replies.stream([*replies.message_events()[:4], replies.Stall()]))
    response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
    assert not response.is_complete
    assert b"event: error" in response.body
    wait_until(lambda: upstream.last.gateway_left.is_set(), "the silent upstream was let go of")
