"""Proxies that are checked on a clock: a dead one rests before a request meets it, and one that is back is used at once."""

import re

import pytest

from harness.admin import administer
from harness.client import RawClient
from harness.configuration import AUTHORIZED, MAIN_ACCOUNT, SPARE, account
from harness.egress import SOCKSEgress, SilentEgress, free_port
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'
EVERY_SECOND = {"check": {"every_seconds": 1, "timeout_seconds": 1}}


def ask(gateway):
    with RawClient(gateway.address) as client:
        return client.request(headers=AUTHORIZED, body=BODY)


def counted(gateway, name, *parts):
    with RawClient(gateway.address) as client:
        text = client.request("GET", "/metrics").body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith(name) and all(part in line for part in parts))


def checks(gateway, port, outcome):
    return counted(gateway, "gateway_proxy_checks_total{", f':{port}"', f'outcome="{outcome}"')


def test_without_the_option_nobody_looks(start_gateway, upstream, egress):
    gateway = start_gateway(egress={"proxies": {"office": egress.settings()}, "accounts": {"main": "office"}})
    for _ in range(3):
        assert ask(gateway).status == 200
    assert counted(gateway, "gateway_proxy_checks_total{") == 0 and upstream.connections == 1


def test_a_check_asks_the_origin_for_nothing(start_gateway, make_upstream, any_egress, authority):
    """A connection with TLS inside, closed again: no request, so nothing that could be billed."""
    upstream = make_upstream(tls=authority.server_context())
    gateway = start_gateway(
        upstream_url={"url": upstream.url, "ca_file": str(authority.file)},
        egress={"proxies": {"office": any_egress.settings()}, "accounts": {"main": "office"}, **EVERY_SECOND})
    wait_until(lambda: checks(gateway, any_egress.port, "connected") >= 2, "it is checked")
    # Behind an https proxy it is closed before the origin has taken the last of its handshake for done.
    assert upstream.requests == [] and (upstream.connections >= 1 or any_egress.kind == "https")
    assert ask(gateway).status == 200


def test_a_dead_proxy_rests_before_a_request_meets_it_and_is_used_when_it_is_back(start_gateway, upstream, tmp_path):
    first, second = SOCKSEgress(tmp_path).start(), SOCKSEgress(tmp_path).start()
    try:
        gateway = start_gateway(
            egress={"proxies": {"first": first.settings(), "second": second.settings()}, "accounts": {"main": ["first", "second"]},
                    **EVERY_SECOND}, threads=2, pool={"idle": 0})
        wait_until(lambda: checks(gateway, second.port, "connected"), "both are checked")
        second.stop()
        wait_until(lambda: states(gateway)["config:second"]["state"] == "resting", "the second rests, and nobody has asked for it")
        first.stop()
        wait_until(lambda: states(gateway)["config:first"]["state"] == "resting", "the first, too")
        second.start()
        wait_until(lambda: states(gateway)["config:second"]["state"] == "open", "the second is back, and nobody has asked for it")
        for _ in range(4):
            assert ask(gateway).status == 200
        assert counted(gateway, "gateway_proxy_attempts_total{", 'outcome="failed"') == 0, "no request met a dead one"
        shown = states(gateway)["config:second"]
        assert shown["check"]["outcome"] == "connected" and shown["check"]["target"] == upstream.url and "latency_ms" in shown["check"]
        listed = gateway.run("proxies", "list", "--config", gateway.configuration_file)
        assert listed.returncode == 0 and re.search(r"(?i)checked", listed.stdout) and shown["checked"][:10] in listed.stdout, listed.stdout
    finally:
        first.stop()
        second.stop()


def states(gateway):
    answer = administer(gateway, name=f"looks {free_port()}").post("/admin/v1/proxies:status", {}).body["proxies"]
    return {proxy["id"]: proxy for proxy in answer}


def test_a_proxy_of_a_record_has_a_rule_of_its_own(start_gateway, upstream, egress, make_upstream):
    gateway = start_gateway(threads=2)
    admin = administer(gateway)
    elsewhere = make_upstream()
    refused = admin.post("/admin/v1/proxies", {"name": "way", **egress.settings(), "check": {"target": "http://a.example/path"}})
    assert refused.status == 422 and refused.pointers == {"/check/target"}
    made = admin.post("/admin/v1/proxies", {"name": "way", **egress.settings(), "check": {"every_seconds": 1, "target": elsewhere.url}})
    assert made.status == 201, made.body
    wait_until(lambda: elsewhere.connections >= 2, "it is checked against its target")
    assert elsewhere.requests == [] and upstream.connections == 0
    assert admin.patch(f"/admin/v1/proxies/{made.body['id']}", {"check": {"every_seconds": 1, "enabled": False}}).status == 200
    # Another one is the clock: while it is checked some times more, the first is not.
    second = make_upstream()
    made = admin.post("/admin/v1/proxies", {"name": "clock", **egress.settings(), "check": {"every_seconds": 1, "target": second.url}})
    assert made.status == 201, made.body
    wait_until(lambda: second.connections >= 2, "the other is checked")
    before, start = elsewhere.connections, second.connections
    wait_until(lambda: second.connections >= start + 3, "the other goes on")
    assert elsewhere.connections == before


def test_one_gateway_checks_once_an_interval_however_many_loops_it_has(start_gateway, make_upstream, egress):
    """Beside one with a single loop: as often as that one, also after a reload."""
    origins = [make_upstream(), make_upstream()]
    gateways = [start_gateway(threads=threads, upstream_url=origin.url, egress={"proxies": {"office": egress.settings()}, **EVERY_SECOND})
                for threads, origin in zip((1, 4), origins)]
    for _ in range(2):
        before = [origin.connections for origin in origins]
        wait_until(lambda: origins[0].connections >= before[0] + 5, "the one with a single loop has checked")
        seen = origins[1].connections - before[1]
        assert 2 <= seen <= 9, f"{seen} checks where another gateway made 5"
        assert gateways[1].reload()[0] == 0


def test_a_silent_proxy_is_found_by_a_check_and_others_are_not_slowed(start_gateway, upstream, silent_egress):
    gateway = start_gateway(
        accounts=[account("bad", proxy=silent_egress.settings(), priority=1), SPARE],
        egress=EVERY_SECOND, timeouts={"connect": "1s"})
    assert ask(gateway).status == 200
    wait_until(lambda: checks(gateway, silent_egress.port, "failed") >= 1, "what an account brought along is checked once it was used")
    assert ask(gateway).status == 200


def test_reset_makes_every_loop_dial_again(start_gateway, upstream, tmp_path):
    """A proxy that was silent and is back is used at once after a reset, whatever each loop remembers."""
    silent = SilentEgress()
    gateway = start_gateway(
        egress={"proxies": {"office": {**silent.settings(), "type": "socks5"}}, "accounts": {"main": "office"}}, threads=4,
        timeouts={"connect": "1s"}, limits={"attempts": 1})
    admin = administer(gateway)
    for _ in range(12):
        assert ask(gateway).status in (502, 504, 529)
    wait_until(lambda: ask(gateway).status and counted(gateway, "gateway_upstream_dials_refused_total{") > 0, "it is remembered")
    silent.stop()
    returned = SOCKSEgress(tmp_path, port=silent.port, is_open=True).start()
    try:
        assert admin.post("/admin/v1/proxies/config:office:reset", {}).status == 200
        assert admin.post("/admin/v1/accounts/config:main:reset", {}).status in (200, 404)
        before = counted(gateway, "gateway_upstream_dials_refused_total{")
        for _ in range(16):
            assert ask(gateway).status == 200
        assert counted(gateway, "gateway_upstream_dials_refused_total{") == before
        assert {received.account for received in upstream.requests} == {MAIN_ACCOUNT}
    finally:
        returned.stop()


@pytest.mark.parametrize("wrong", [{"every_seconds": 0}, {"target": "not a url"}, {"every": "30s"}])
def test_a_wrong_rule_is_refused_at_the_start(start_gateway, wrong):
    with pytest.raises(AssertionError, match="the gateway ended"):
        start_gateway(egress={"check": wrong})
