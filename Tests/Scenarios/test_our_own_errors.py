"""Every row of the table of our own errors: status, type, request-id, and what makes clients behave."""

import json

import pytest

from harness import replies
from harness.configuration import AUTHORIZED, CLIENT_KEY, MAIN, MAIN_ACCOUNT, OTHER_KEY, SPARE, account
from harness.egress import free_port
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


def check(response, status, kind, mentions=""):
    """The shape that all of them share."""
    assert response.status == status, response.body
    document = json.loads(response.body)
    assert document["type"] == "error"
    assert document["error"]["type"] == kind
    assert mentions in document["error"]["message"], document["error"]["message"]
    assert response.header("content-type").startswith("application/json")
    assert response.header("request-id")
    assert document["request_id"] == response.header("request-id")
    return document["error"]["message"]


def asking(key):
    return [("x-api-key", key), *AUTHORIZED[1:]]


@pytest.mark.parametrize("headers", [
    AUTHORIZED[1:], asking("cr_unknown"), [("Authorization", "Bearer cr_unknown")], [("Authorization", "Basic abc")],
    asking(""), asking(CLIENT_KEY + "x"), asking(CLIENT_KEY[:-1]),
], ids=["none", "unknown", "unknown-bearer", "other-scheme", "empty", "longer", "shorter"])
def test_401_without_a_known_key(gateway, upstream, connect, headers):
    response = connect(gateway).request(headers=headers, body=BODY)
    check(response, 401, "authentication_error")
    assert response.header("x-should-retry") == "false"
    assert upstream.requests == []


@pytest.mark.parametrize("more", [{"enabled": False}, {"expires": "2020-01-01T00:00:00Z"}], ids=["disabled", "expired"])
def test_401_with_a_key_that_is(start_gateway, upstream, connect, more):
    gateway = start_gateway(keys=[{"name": "laptop", "key": CLIENT_KEY, **more}])
    response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
    check(response, 401, "authentication_error", "expired" if "expires" in more else "disabled")
    assert response.header("x-should-retry") == "false"
    assert upstream.requests == []


def test_403_from_an_address_that_is_not_allowed(start_gateway, upstream, connect):
    gateway = start_gateway(keys=[{"name": "laptop", "key": CLIENT_KEY, "addresses": ["10.1.2.0/24"]},
                                  {"name": "other", "key": OTHER_KEY, "addresses": ["127.0.0.0/8", "::1"]}])
    check(connect(gateway).request(headers=AUTHORIZED, body=BODY), 403, "permission_error")
    assert upstream.requests == []
    assert connect(gateway).request(headers=asking(OTHER_KEY), body=BODY).status == 200


def test_404_for_a_model_that_is_not_allowed(start_gateway, upstream, connect):
    gateway = start_gateway(keys=[{"name": "laptop", "key": CLIENT_KEY, "models": ["claude-haiku-*"]}])
    check(connect(gateway).request(headers=AUTHORIZED, body=BODY), 404, "not_found_error", "claude-test-1")
    assert upstream.requests == []
    allowed = BODY.replace(b"claude-test-1", b"claude-haiku-4-5")
    assert connect(gateway).request(headers=AUTHORIZED, body=allowed).status == 200


def test_404_for_a_model_that_is_not_allowed_in_a_compressed_body(start_gateway, upstream, connect):
    gateway = start_gateway(keys=[{"name": "laptop", "key": CLIENT_KEY, "models": ["claude-haiku-*"]}])
    compressed = [*AUTHORIZED, ("content-encoding", "gzip")]
    check(connect(gateway).request(headers=compressed, body=replies.gzipped(BODY)), 404, "not_found_error", "claude-test-1")
    check(connect(gateway).request(headers=compressed, body=replies.gzipped(b"[]")), 400, "invalid_request_error")
    assert upstream.requests == []
    allowed = replies.gzipped(BODY.replace(b"claude-test-1", b"claude-haiku-4-5"))
    assert connect(gateway).request(headers=compressed, body=allowed).status == 200
    assert upstream.last.body == allowed, "what was read was a copy"
    unreadable = connect(gateway).request(headers=[*AUTHORIZED, ("content-encoding", "br")], body=allowed)
    check(unreadable, 403, "permission_error", "names none")


def test_429_over_the_requests_per_minute(start_gateway, upstream, connect):
    gateway = start_gateway(per_key={"requests_per_minute": 3, "concurrency": 10})
    client = connect(gateway)
    for _ in range(3):
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    response = client.request(headers=AUTHORIZED, body=BODY)
    check(response, 429, "rate_limit_error")
    assert 1 <= int(response.header("retry-after")) <= 60
    assert response.header("anthropic-ratelimit-requests-limit") == "3"
    assert response.header("anthropic-ratelimit-requests-remaining") == "0"
    assert response.header("anthropic-ratelimit-requests-reset")
    assert len(upstream.requests) == 3


def test_429_over_the_concurrency(start_gateway, upstream, connect):
    gateway = start_gateway(per_key={"requests_per_minute": 1000, "concurrency": 1})
    gate = replies.Gate()
    upstream.enqueue([gate, *replies.plain()])
    held = connect(gateway)
    held.request(headers=AUTHORIZED, body=BODY, read=False)
    wait_until(lambda: gate.is_reached, "the first request is upstream")
    response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
    check(response, 429, "rate_limit_error")
    assert response.header("retry-after")
    gate.open()
    assert held.response().status == 200
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200


def test_429_of_one_key_does_not_touch_another(start_gateway, upstream, connect):
    gateway = start_gateway(keys=[{"name": "laptop", "key": CLIENT_KEY}, {"name": "other", "key": OTHER_KEY}],
                            per_key={"requests_per_minute": 1, "concurrency": 10})
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 429
    assert connect(gateway).request(headers=asking(OTHER_KEY), body=BODY).status == 200


def test_529_when_no_account_is_usable(start_gateway, upstream, connect):
    gateway = start_gateway(accounts=[MAIN, SPARE])
    upstream.answer(replies.error(429, "rate_limit_error", headers=[("retry-after", "40")]))
    client = connect(gateway)
    assert client.request(headers=AUTHORIZED, body=BODY).status == 429, "the last real answer of the upstream"
    response = client.request(headers=AUTHORIZED, body=BODY)
    message = check(response, 529, "overloaded_error", "2")
    assert 30 <= int(response.header("retry-after")) <= 40
    for name in ("main", "spare", MAIN_ACCOUNT):
        assert name not in message


def test_502_when_the_upstream_cannot_be_reached(start_gateway, connect):
    gateway = start_gateway(upstream_url=f"http://127.0.0.1:{free_port()}")
    check(connect(gateway).request(headers=AUTHORIZED, body=BODY), 502, "api_error")


def test_502_when_its_name_does_not_resolve(start_gateway, connect):
    gateway = start_gateway(upstream_url="http://nowhere.invalid")
    check(connect(gateway).request(headers=AUTHORIZED, body=BODY), 502, "api_error")


def test_504_when_the_upstream_does_not_answer_in_time(start_gateway, upstream, connect):
    gateway = start_gateway(timeouts={"first_byte": "200ms"})
    upstream.answer([replies.Stall()])
    check(connect(gateway).request(headers=AUTHORIZED, body=BODY), 504, "timeout_error")
    wait_until(lambda: upstream.open_connections == 0, "the upstream connection was let go of")


@pytest.mark.parametrize("body", [b"{", b'{"model":"claude', b"[]", b"", b"\xff\xfe"],
                         ids=["open-brace", "open-string", "array", "empty", "not-utf8"])
def test_400_for_bad_json(gateway, upstream, connect, body):
    response = connect(gateway).request(headers=AUTHORIZED, body=body)
    check(response, 400, "invalid_request_error")
    assert upstream.requests == []


def test_a_path_of_nobody_is_404_in_the_envelope(gateway, upstream, connect):
    for target in ("/nothing", "/web/../v1/messages", "/v2/messages"):
        check(connect(gateway).request(target=target, headers=AUTHORIZED, body=BODY), 404, "not_found_error")
    assert upstream.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 529])
def test_upstream_errors_pass_unmodified(gateway, upstream, connect, status):
    body = b'{"type":"error", "error":{"type":"odd_type","message":"Wort f\xc3\xbcr Wort"} ,"request_id":"req_u"}'
    upstream.answer(replies.plain(status, body, [("request-id", "req_u"), ("x-odd", "1"), ("retry-after", "7")]))
    response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
    assert (response.status, response.body) == (status, body)
    assert [response.header(name) for name in ("x-odd", "request-id", "retry-after")] == ["1", "req_u", "7"]


def test_an_upstream_error_body_can_be_large(start_gateway, upstream, connect):
    gateway = start_gateway(accounts=[account()])
    body = b"<html>" + b"x" * 500_000 + b"</html>"
    upstream.answer(replies.plain(502, body, content_type="text/html"))
    response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
    assert (response.status, response.body) == (502, body)
