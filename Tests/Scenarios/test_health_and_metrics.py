"""/health, /livez and /readyz answer everyone; /metrics is real Prometheus text, checked by promtool."""

import json
import re
import subprocess

import pytest

from harness import replies
from harness.configuration import AUTHORIZED, SECRETS
from harness.egress import tool

PROMPT = "canary prompt text that must never be seen"
REPLY = "canary reply text that must never be seen"
BODY = json.dumps({"model": "claude-test-1", "max_tokens": 1, "stream": True,
                   "messages": [{"role": "user", "content": PROMPT}]}).encode()


@pytest.mark.parametrize("target", ["/health", "/livez", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_probes_answer_everyone(gateway, upstream, connect, target, method):
    response = connect(gateway).request(method, target)
    assert response.status == 200
    assert (response.body == b"") == (method == "HEAD")
    assert upstream.requests == [], "a probe must not call a model"


def test_health_is_json(gateway, connect):
    document = json.loads(connect(gateway).request("GET", "/health").body)
    assert document["status"] in ("ok", "healthy")


def busy(gateway, upstream, connect):
    client = connect(gateway)
    upstream.answer(replies.stream(replies.message_events([REPLY], input_tokens=23, output_tokens=42)))
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    upstream.answer(replies.plain(200, replies.message(REPLY)))
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    upstream.answer(replies.error(400, "invalid_request_error"))
    assert client.request(headers=AUTHORIZED, body=BODY).status == 400
    assert client.request(headers=[("x-api-key", "cr_wrong")], body=BODY).status == 401
    return client


def test_metrics_satisfy_promtool(gateway, upstream, connect):
    client = busy(gateway, upstream, connect)
    response = client.request("GET", "/metrics")
    assert response.status == 200
    assert response.header("content-type").startswith("text/plain; version=0.0.4")
    checked = subprocess.run([tool("promtool", "prometheus"), "check", "metrics"], input=response.body,
                             capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_openmetrics_is_offered(gateway, upstream, connect):
    client = busy(gateway, upstream, connect)
    response = client.request("GET", "/metrics", headers=[
        ("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")])
    assert response.header("content-type").startswith("application/openmetrics-text; version=1.0.0")
    assert response.body.endswith(b"# EOF\n")


def samples(text):
    """Sums of the samples by metric name."""
    sums = {}
    for line in text.splitlines():
        if found := re.match(r"([a-zA-Z_:][\w:]*)(?:\{.*\})? ([-+.eE\d]+|NaN|[+-]Inf)(?: [\d.]+)?$", line):
            sums[found[1]] = sums.get(found[1], 0) + float(found[2])
    return sums


def test_metrics_count_what_happened(gateway, upstream, connect):
    text = busy(gateway, upstream, connect).request("GET", "/metrics").body.decode()
    sums = samples(text)
    assert sums.get("gateway_requests_total") == 4, "what entered the chain, the one that Auth refused included"
    assert sums.get("gateway_exchanges_total") == 4, f"what the host saw, among {sorted(sums)}"
    tokens = re.findall(r'^gateway_tokens_total\{([^}]*)\} (\d+)', text, re.M)
    by_kind = {}
    for labels, value in tokens:
        kind = re.search(r'(?:kind|type)="([^"]+)"', labels)[1]
        by_kind[kind] = by_kind.get(kind, 0) + int(value)
    assert by_kind.get("input") == 23 + 11 and by_kind.get("output") == 42 + 7, by_kind
    for wanted in ["duration_seconds", "first_", "hook", "connections", "gateway_loop"]:
        assert any(wanted in name for name in sums), f"nothing about {wanted} among {sorted(sums)}"


def test_neither_metrics_nor_logs_know_secrets_or_prompts(gateway, upstream, connect):
    text = busy(gateway, upstream, connect).request("GET", "/metrics").body.decode()
    for canary in [*SECRETS, PROMPT, REPLY]:
        assert canary not in text
    for canary in [*SECRETS, PROMPT, REPLY, "cr_wrong"]:
        assert canary not in gateway.log()


def test_metrics_need_the_token_where_one_is_set(start_gateway, connect):
    gateway = start_gateway(metrics={"token": "canary-metrics-token"}, secrets=["canary-metrics-token"])
    client = connect(gateway)
    assert client.request("GET", "/metrics").status in (401, 403)
    assert client.request("GET", "/metrics", headers=[("Authorization", "Bearer wrong")]).status in (401, 403)
    assert client.request("GET", "/metrics", headers=[("Authorization", "Bearer canary-metrics-token")]).status == 200


def test_metrics_keep_to_the_addresses_allowed(start_gateway, connect):
    gateway = start_gateway(metrics={"allow": ["10.0.0.0/8"]})
    assert connect(gateway).request("GET", "/metrics").status in (401, 403, 404)


def test_labels_stay_bounded_whatever_clients_send(gateway, upstream, connect):
    client = connect(gateway)
    for number in range(300):
        body = b'{"model":"claude-made-up-%d","max_tokens":1,"messages":[]}' % number
        client.request(headers=AUTHORIZED, body=body, target=f"/v1/messages?x={number}")
    text = client.request("GET", "/metrics").body.decode()
    assert len(text.splitlines()) < 8000
