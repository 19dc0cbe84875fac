"""Smart switching: before the first byte the same request goes to the next account; after it, never."""

import json

import pytest

from harness import replies
from harness.configuration import AUTHORIZED, MAIN, MAIN_ACCOUNT, SPARE, SPARE_ACCOUNT, account

BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[{"role":"user","content":"\xc3\xa4"}]}'
GOOD = replies.plain(200, b'{"from":"spare"}')

FAILURES = {
    "429": replies.error(429, "rate_limit_error", headers=[("retry-after", "60")]),
    "401": replies.error(401, "authentication_error"),
    "403": replies.error(403, "permission_error"),
    "500": replies.error(500, "api_error"),
    "502-html": replies.plain(502, b"<html>bad gateway</html>", content_type="text/html"),
    "503": replies.error(503, "api_error"),
    "529": replies.error(529, "overloaded_error"),
    "reset-before-head": [replies.Reset()],
    "close-before-head": [replies.Close()],
    "half-a-head": [b"HTTP/1.1 200 OK\r\ncontent-le", replies.Close()],
    "head-then-close": [replies.head(200, [("content-length", 20)]), replies.Close()],
    "error-as-first-event": replies.stream([replies.event("error", {
        "type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})]),
}


@pytest.fixture
def pair(start_gateway):
    return start_gateway(accounts=[MAIN, SPARE])


@pytest.mark.parametrize("failure", FAILURES)
def test_on(pair, upstream, connect, failure):
    upstream.answer(FAILURES[failure], account=MAIN_ACCOUNT)
    upstream.answer(GOOD, account=SPARE_ACCOUNT)
    client = connect(pair)
    for _ in range(4):
        response = client.request(headers=AUTHORIZED, body=BODY)
        assert (response.status, response.body) == (200, b'{"from":"spare"}')
    used = [received.account for received in upstream.requests]
    assert MAIN_ACCOUNT in used, "the failing account was never tried"
    assert {received.body for received in upstream.requests} == {BODY}


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_not_on_what_the_request_itself_is_guilty_of(pair, upstream, connect, status):
    upstream.answer(replies.error(status, "invalid_request_error", "your fault"))
    response = connect(pair).request(headers=AUTHORIZED, body=BODY)
    assert response.status == status
    assert len(upstream.requests) == 1


def test_not_after_the_first_byte(pair, upstream, connect):
    broken = [*replies.stream(replies.message_events()[:3], end=False), replies.Reset()]
    upstream.answer(broken)
    response = connect(pair).request(headers=AUTHORIZED, body=BODY)
    assert not response.is_complete
    assert len(upstream.requests) == 1


def test_a_refused_connection_moves_on_too(start_gateway, make_upstream, connect):
    gone, good = make_upstream(), make_upstream()
    good.answer(GOOD)
    gone.stop_listening()
    gateway = start_gateway(upstream_url=good.url, accounts=[account(base_url=gone.url), SPARE])
    for _ in range(3):
        assert connect(gateway).request(headers=AUTHORIZED, body=BODY).body == b'{"from":"spare"}'
    assert {received.account for received in good.requests} == {SPARE_ACCOUNT}


def test_when_all_fail_the_client_gets_the_last_real_answer(pair, upstream, connect):
    upstream.answer(replies.error(503, "api_error", "wording of the upstream", headers=[("x-upstream", "yes")]))
    response = connect(pair).request(headers=AUTHORIZED, body=BODY)
    assert response.status == 503
    assert json.loads(response.body)["error"]["message"] == "wording of the upstream"
    assert response.header("x-upstream") == "yes"
    assert 1 < len(upstream.requests) <= 3


def test_attempts_are_bounded(start_gateway, upstream, connect):
    accounts = [account(f"a{number}", f"sk-ant-{number}") for number in range(8)]
    gateway = start_gateway(accounts=accounts)
    upstream.answer([replies.Reset()])
    response = connect(gateway).request(headers=AUTHORIZED, body=BODY)
    assert response.status == 502
    assert json.loads(response.body)["error"]["type"] == "api_error"
    assert len(upstream.requests) == 3


def test_a_cooling_account_is_left_alone(pair, upstream, connect):
    upstream.answer(replies.error(429, "rate_limit_error", headers=[("retry-after", "60")]), account=MAIN_ACCOUNT)
    upstream.answer(GOOD, account=SPARE_ACCOUNT)
    for _ in range(10):
        assert connect(pair).request(headers=AUTHORIZED, body=BODY).status == 200
    tried = [received.account for received in upstream.requests].count(MAIN_ACCOUNT)
    assert tried == 1, f"the account that said 'later' was asked {tried} times"


def test_one_5xx_never_removes_the_last_account(start_gateway, upstream, connect):
    gateway = start_gateway(accounts=[MAIN])
    upstream.enqueue(replies.error(500, "api_error"))
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 500
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200


def test_every_account_gets_work(start_gateway, upstream, connect):
    accounts = [account(f"a{number}", f"sk-ant-{number}") for number in range(4)]
    gateway = start_gateway(accounts=accounts, picker={"strategy": "round-robin", "sticky": {"enabled": False}})
    client = connect(gateway)
    for _ in range(40):
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    used = [received.account for received in upstream.requests]
    assert {used.count(a["api_key"]) for a in accounts} == {10}


def test_the_least_loaded_account_is_chosen(start_gateway, upstream, connect):
    gateway = start_gateway(accounts=[MAIN, SPARE], picker={"strategy": "least-loaded", "sticky": {"enabled": False}})
    gate = replies.Gate()
    upstream.enqueue([gate, *GOOD])
    held = connect(gateway)
    held.request(headers=AUTHORIZED, body=BODY, read=False)
    busy = upstream.wait_for_requests(1)[0].account
    client = connect(gateway)
    for _ in range(5):
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    assert busy not in [received.account for received in upstream.requests[1:]]
    gate.open()
    assert held.response().status == 200
