"""Headers are an open list: what nobody has a reason to hold back passes in both directions."""

import pytest

from harness import replies
from harness.configuration import CLIENT_KEY, MAIN_ACCOUNT, OTHER_KEY

VERSION = ("anthropic-version", "2023-06-01")
BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


def sent(connect, gateway, upstream, headers, target="/v1/messages"):
    response = connect(gateway).request(target=target, headers=headers, body=BODY)
    assert response.status == 200, response.body
    return upstream.last


@pytest.mark.parametrize("credentials", [
    [("x-api-key", CLIENT_KEY)],
    [("Authorization", f"Bearer {CLIENT_KEY}")],
    [("Authorization", f"bearer {CLIENT_KEY}")],
    [("x-api-key", CLIENT_KEY), ("Authorization", f"Bearer {CLIENT_KEY}")],
    [("x-api-key", "sk-ant-somebody-elses"), ("Authorization", f"Bearer {CLIENT_KEY}")],
    [("x-api-key", CLIENT_KEY), ("Authorization", "Bearer sk-ant-oat-somebody-elses")],
], ids=["x-api-key", "bearer", "lower-case-scheme", "both-equal", "bearer-ours", "x-api-key-ours"])
def test_our_key_in_either_header_is_replaced_by_the_account(gateway, upstream, connect, credentials):
    received = sent(connect, gateway, upstream, [*credentials, VERSION])
    assert received.header("x-api-key") == MAIN_ACCOUNT
    assert received.header("authorization") is None
    assert CLIENT_KEY.encode() not in received.head
    assert b"somebody-elses" not in received.head


def test_open_headers_pass_verbatim(gateway, upstream, connect):
    open_headers = [
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14,never-heard-of-2027-01-01"),
        ("anthropic-brand-new", "a, b;c=\"d\""),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("anthropic-workspace-id", "wrkspc_1"),
        ("X-Claude-Code-Session-Id", "5a0e8a52-6d7a-4a39-9a55-3d6d1f3d2f11"),
        ("x-claude-code-agent-id", "agent"),
        ("X-Stainless-Retry-Count", "0"),
        ("User-Agent", "claude-cli/2.1.330 (external, sdk-cli)"),
        ("x-app", "cli"),
        ("X-Team", "blue"),
        ("Accept", "application/json"),
        ("Content-Type", "application/json; charset=utf-8"),
    ]
    received = sent(connect, gateway, upstream, [("x-api-key", CLIENT_KEY), *open_headers])
    for name, value in open_headers:
        assert received.header(name) == value, name


def test_what_belongs_to_the_client_stays_with_us(gateway, upstream, connect):
    received = sent(connect, gateway, upstream, [
        ("x-api-key", CLIENT_KEY), VERSION, ("Cookie", "session=secret"), ("X-Forwarded-For", "10.9.8.7"),
        ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "inner"), ("Forwarded", "for=10.9.8.7"),
        ("X-Real-IP", "10.9.8.7"), ("Via", "1.1 inner"), ("Proxy-Authorization", "Basic abc"),
        ("Connection", "keep-alive, X-Hop"), ("X-Hop", "drop me"), ("Keep-Alive", "timeout=5"), ("TE", "trailers"),
    ])
    for name in ["cookie", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip", "via",
                 "proxy-authorization", "x-hop", "keep-alive", "te", "upgrade"]:
        assert received.header(name) is None, name


def test_host_is_the_upstreams_and_framing_is_right(gateway, upstream, connect):
    received = sent(connect, gateway, upstream, [("x-api-key", CLIENT_KEY), VERSION, ("Host", "gateway.example")])
    assert received.header("host") == upstream.url.removeprefix("http://")
    assert received.header("content-length") == str(len(BODY))
    assert received.header("transfer-encoding") is None


def test_accept_encoding_is_narrowed_to_what_we_can_read(gateway, upstream, connect):
    received = sent(connect, gateway, upstream, [
        ("x-api-key", CLIENT_KEY), VERSION, ("Accept-Encoding", "gzip, deflate, br, zstd")])
    offered = (received.header("accept-encoding") or "").replace(" ", "").split(",")
    assert "gzip" in offered
    assert not {"br", "zstd"} & set(offered)


def test_a_client_that_offers_no_encoding_gets_none(gateway, upstream, connect):
    received = sent(connect, gateway, upstream, [("x-api-key", CLIENT_KEY), VERSION])
    assert received.header("accept-encoding") in (None, "identity")


@pytest.mark.parametrize(("asked", "wanted"), [
    ("/v1/messages?beta=true", "/v1/messages?beta=true"),
    ("/api/v1/messages?beta=true", "/v1/messages?beta=true"),
    ("/v1/messages/count_tokens?beta=true", "/v1/messages/count_tokens?beta=true"),
    ("/v1/messages/cache_touch", "/v1/messages/cache_touch"),
    ("/v1/organizations/x%2Fy?a=%20b&c=", "/v1/organizations/x%2Fy?a=%20b&c="),
    ("/api/v1/messages/batches/msgbatch_1/results", "/v1/messages/batches/msgbatch_1/results"),
])
def test_every_path_of_the_provider_passes(gateway, upstream, connect, asked, wanted):
    assert sent(connect, gateway, upstream, [("x-api-key", CLIENT_KEY), VERSION], target=asked).target == wanted


def test_response_headers_pass(gateway, upstream, connect):
    upstream_headers = [
        ("request-id", "req_upstream_1"), ("anthropic-organization-id", "org_1"),
        ("anthropic-ratelimit-requests-remaining", "41"), ("anthropic-ratelimit-tokens-reset", "2026-11-23T18:00:00Z"),
        ("anthropic-ratelimit-unified-status", "allowed"), ("x-never-heard-of", "a; b, c"), ("x-should-retry", "false"),
        ("content-language", "de"), ("set-cookie", "a=1"), ("set-cookie", "b=2"),
    ]
    upstream.answer(replies.plain(200, replies.message(), upstream_headers))
    response = connect(gateway).request(headers=[("x-api-key", CLIENT_KEY), VERSION], body=BODY)
    for name, value in upstream_headers:
        assert (name, value) in [(key.lower(), text) for key, text in response.headers], name
    assert response.header("x-gateway-request-id")
    assert response.header("content-length") == str(len(replies.message()))


def test_the_rate_of_the_key_is_told_where_the_account_tells_none(start_gateway, upstream, connect):
    gateway = start_gateway(per_key={"requests_per_minute": 10})
    client = connect(gateway)
    told = []
    for headers in ([("anthropic-ratelimit-requests-remaining", "41")], []):
        upstream.answer(replies.plain(200, replies.message(), headers))
        response = client.request(headers=[("x-api-key", CLIENT_KEY), VERSION], body=BODY)
        told.append(response.header("anthropic-ratelimit-requests-remaining"))
    assert told == ["41", "8"]


def test_a_request_id_is_added_only_where_there_is_none(gateway, upstream, connect):
    client = connect(gateway)
    first = client.request(headers=[("x-api-key", CLIENT_KEY), VERSION], body=BODY)
    assert first.header("request-id")
    upstream.answer(replies.plain(200, replies.message(), [("request-id", "req_theirs")]))
    second = client.request(headers=[("x-api-key", CLIENT_KEY), VERSION], body=BODY)
    assert second.header("request-id") == "req_theirs"


def test_hop_by_hop_response_headers_stay_with_us(gateway, upstream, connect):
    upstream.answer(replies.plain(200, replies.message(), [
        ("connection", "keep-alive, x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=5"), ("proxy-authenticate", "Basic")]))
    response = connect(gateway).request(headers=[("x-api-key", CLIENT_KEY), VERSION], body=BODY)
    for name in ["x-hop", "keep-alive", "proxy-authenticate"]:
        assert response.header(name) is None, name


def test_two_keys_are_told_apart(start_gateway, upstream, connect):
    gateway = start_gateway(keys=[{"name": "laptop", "key": CLIENT_KEY}, {"name": "other", "key": OTHER_KEY}])
    for key in (CLIENT_KEY, OTHER_KEY):
        assert sent(connect, gateway, upstream, [("x-api-key", key), VERSION]).account == MAIN_ACCOUNT
