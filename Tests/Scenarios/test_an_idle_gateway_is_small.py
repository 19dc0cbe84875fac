"""A gateway that waits for work holds little memory, and what it gave back comes again when it is needed."""

from harness.configuration import MAIN

CHAIN = [
    {"plugin": "Auth", "config": {"keys": [{"name": "laptop", "key": "cr_idle_0123456789abcdef"}]}},
    {"plugin": "RateLimit", "config": {"per_key": {"requests_per_minute": 600, "concurrency": 8}}},
    {"plugin": "AccountPicker", "config": {"accounts": [MAIN]}},
    {"plugin": "SOCKSProxy"},
    {"plugin": "Metrics"},
]


def test_an_idle_gateway_is_small_and_still_serves(start_gateway, upstream, connect):
    gateway = start_gateway(tree={
        "listen": "127.0.0.1:0", "threads": 1, "upstream": upstream.url, "data": "./data", "chain": CHAIN})
    assert gateway.resident_bytes() <= 20_000_000, "the budget of docs/PERFORMANCE.md"
    headers = [("content-type", "application/json"), ("anthropic-version", "2023-06-01"),
               ("x-api-key", "cr_idle_0123456789abcdef")]
    body = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'
    assert connect(gateway).request(headers=headers, body=body).status == 200
