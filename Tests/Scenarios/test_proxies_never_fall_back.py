"""An account's proxy is used or the request fails: nothing ever leaves on a direct connection."""

import json

import pytest

from harness import replies
from harness.admin import administer
from harness.client import RawClient
from harness.configuration import AUTHORIZED, MAIN_ACCOUNT, SPARE, SPARE_ACCOUNT, account
from harness.egress import HTTPEgress, SOCKSEgress, free_port
from harness.waiting import wait_until

OTHER_ACCOUNT = "sk-ant-canary-other-account"
BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[]}'


def ask(connect, gateway):
    return connect(gateway).request(headers=AUTHORIZED, body=BODY)


def failed(response):
    assert response.status in (502, 504), response.body
    assert json.loads(response.body)["error"]["type"] in ("api_error", "timeout_error")


def trusting(upstream, authority):
    """The upstream, and whom the gateway trusts on the way: https proxies have certificates, too."""
    return {"url": upstream.url, "ca_file": str(authority.file)}


def test_it_works(start_gateway, upstream, connect, any_egress, authority):
    gateway = start_gateway(upstream_url=trusting(upstream, authority), accounts=[account(proxy=any_egress.settings())])
    for _ in range(3):
        assert ask(connect, gateway).status == 200
    assert upstream.last.account == MAIN_ACCOUNT
    assert upstream.connections == 1, "the connection through the proxy was not kept"


def test_it_works_with_tls_inside(start_gateway, make_upstream, connect, any_egress, authority):
    upstream = make_upstream(tls=authority.server_context())
    gateway = start_gateway(upstream_url=trusting(upstream, authority), accounts=[account(proxy=any_egress.settings())])
    assert ask(connect, gateway).status == 200


@pytest.mark.parametrize("any_egress", ["socks5", "http", "https"], indirect=True)
def test_a_wrong_password_is_a_failure(start_gateway, upstream, connect, any_egress, authority):
    gateway = start_gateway(upstream_url=trusting(upstream, authority),
                            accounts=[account(proxy=any_egress.settings(password="wrong-password"))])
    failed(ask(connect, gateway))
    assert upstream.connections == 0


@pytest.mark.parametrize("any_egress", ["https"], indirect=True)
def test_a_proxy_whose_certificate_nobody_vouches_for_is_a_failure(start_gateway, upstream, connect, any_egress):
    gateway = start_gateway(accounts=[account(proxy=any_egress.settings())])
    failed(ask(connect, gateway))
    assert upstream.connections == 0


@pytest.mark.parametrize("any_egress", ["socks5", "http", "https"], indirect=True)
def test_a_stopped_proxy_is_a_failure(start_gateway, upstream, connect, any_egress, authority):
    any_egress.stop()
    gateway = start_gateway(upstream_url=trusting(upstream, authority), accounts=[account(proxy=any_egress.settings())])
    failed(ask(connect, gateway))
    assert upstream.connections == 0


def test_a_proxy_that_speaks_nonsense_is_a_failure(start_gateway, upstream, make_upstream, connect):
    nonsense = make_upstream()
    nonsense.answer([b"what?\r\n\r\n", replies.Close()])
    for kind in ("socks5", "http"):
        gateway = start_gateway(accounts=[account(proxy={"type": kind, "host": "127.0.0.1", "port": nonsense.port})],
                                timeouts={"connect": "2s"})
        failed(ask(connect, gateway))
    assert upstream.connections == 0


def test_the_environment_says_nothing(start_gateway, upstream, connect):
    """http_proxy and friends in the environment neither add nor remove a proxy."""
    dead = f"http://127.0.0.1:{free_port()}"
    gateway = start_gateway(environment={"http_proxy": dead, "https_proxy": dead, "ALL_PROXY": dead, "no_proxy": "*"})
    assert ask(connect, gateway).status == 200


def test_no_proxy_in_the_environment_does_not_go_around_one(start_gateway, upstream, connect, egress):
    egress.stop()
    gateway = start_gateway(accounts=[account(proxy=egress.settings())],
                            environment={"no_proxy": "127.0.0.1,localhost", "NO_PROXY": "*"})
    failed(ask(connect, gateway))
    assert upstream.connections == 0


def test_a_dead_proxy_moves_the_request_to_the_next_account(start_gateway, upstream, connect, egress):
    egress.stop()
    gateway = start_gateway(accounts=[account(proxy=egress.settings()), SPARE])
    for _ in range(3):
        assert ask(connect, gateway).status == 200
    assert {received.account for received in upstream.requests} == {SPARE_ACCOUNT}


def test_a_proxy_cut_in_the_middle_of_a_stream(start_gateway, upstream, connect, egress):
    gateway = start_gateway(accounts=[account(proxy=egress.settings())])
    events = replies.message_events()
    upstream.answer(replies.stream([*events[:4], replies.Stall()]))
    client = connect(gateway)
    client.request(headers=AUTHORIZED, body=BODY, read=False)
    response = client.response_head()
    client.read_body_until(response, events[3])
    egress.stop()
    client.read_rest(response)
    assert not response.is_complete
    assert b"event: error" in response.body


def test_two_accounts_do_not_share_a_connection(start_gateway, upstream, connect, egress):
    gateway = start_gateway(accounts=[account(proxy=egress.settings()), SPARE], picker={"strategy": "round-robin", "sticky": {"enabled": False}})
    client = connect(gateway)
    for _ in range(6):
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    by_connection = {}
    for received in upstream.requests:
        by_connection.setdefault(received.connection, set()).add(received.account)
    assert all(len(accounts) == 1 for accounts in by_connection.values()), by_connection


@pytest.mark.parametrize("kind", ["socks4", "ftp", ""])
def test_an_unknown_kind_of_proxy_is_refused_at_the_start(start_gateway, kind):
    with pytest.raises(AssertionError, match="the gateway ended"):
        start_gateway(accounts=[account(proxy={"type": kind, "host": "127.0.0.1", "port": 1})])


# ---------------------------------------------------------------- several proxies


@pytest.fixture
def exits(tmp_path):
    """Two SOCKS5 proxies and one HTTP proxy, running."""
    proxies = [kind(tmp_path).start() for kind in (SOCKSEgress, HTTPEgress, SOCKSEgress)]
    yield proxies
    for proxy in proxies:
        proxy.stop()


def states(gateway):
    return {line.split('"')[1].rsplit(":", 1)[1]: float(line.rsplit(" ", 1)[1])
            for line in scrape(gateway).splitlines() if line.startswith("gateway_proxy_state{")}


def scrape(gateway):
    return RawClient(gateway.address).request("GET", "/metrics").body.decode()


def test_the_next_proxy_is_used_when_one_fails_and_the_account_is_not_blamed(start_gateway, upstream, connect, exits):
    gateway = start_gateway(accounts=[account(proxy=[exit.settings() for exit in exits])])
    client = connect(gateway)
    assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    exits[0].stop()
    # The kept connection is gone with its proxy, and so is the first way out of a new one.
    for _ in range(4):
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    assert states(gateway) == {str(exits[0].port): 1.0}
    exits[0].start()
    exits[1].stop()
    for _ in range(4):
        assert client.request(headers=AUTHORIZED, body=BODY).status == 200
    text = scrape(gateway)
    assert 'gateway_account_coolings_total{reason="unreachable"' not in text, "the account is well"
    for exit in exits[:2]:
        assert f':{exit.port}",outcome="failed"}} 1' in text
    for exit in exits[2:]:
        exit.stop()
    exits[0].stop()
    failed(ask(connect, gateway))
    assert "canary" not in text


def test_when_no_proxy_works_the_account_is_left_alone_and_others_serve(start_gateway, upstream, connect, exits):
    gateway = start_gateway(accounts=[account(proxy=[exit.settings() for exit in exits]), SPARE])
    for exit in exits:
        exit.stop()
    for _ in range(6):
        assert ask(connect, gateway).status == 200
    assert {received.account for received in upstream.requests} == {SPARE_ACCOUNT}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_accounts_whose_proxies_are_all_dead_leave_an_attempt_for_one_that_is_well(start_gateway, upstream, connect, count):
    """Three attempts, as by default: what never reached an upstream takes none of them."""
    dead = [account(f"dead{number}", f"{OTHER_ACCOUNT}-{number}", priority=number,
                    proxy=[{"type": "socks5", "host": "127.0.0.1", "port": free_port()} for _ in range(3)]) for number in range(count)]
    gateway = start_gateway(accounts=[*dead, account("well", SPARE_ACCOUNT, priority=90)], secrets=[OTHER_ACCOUNT])
    for _ in range(4):
        assert ask(connect, gateway).status == 200
    assert {received.account for received in upstream.requests} == {SPARE_ACCOUNT}


def test_the_first_request_finds_the_one_way_that_works(start_gateway, upstream, connect, exits):
    exits[0].stop()
    exits[1].stop()
    gateway = start_gateway(accounts=[account(proxy=[exit.settings() for exit in exits])])
    assert ask(connect, gateway).status == 200
    assert states(gateway) == {str(exit.port): 1.0 for exit in exits[:2]}


def test_a_dead_proxy_of_the_only_account_is_not_dialled_for_ever(start_gateway, upstream, connect):
    """The host would allow more attempts that reach nobody; the last account that is left is dialled three times."""
    port = free_port()
    gateway = start_gateway(accounts=[account(proxy={"type": "http", "host": "127.0.0.1", "port": port})])
    failed(ask(connect, gateway))
    assert counted(gateway, "gateway_proxy_attempts_total{", 'outcome="failed"') == 3 and upstream.connections == 0


def test_what_is_remembered_of_a_proxy_is_not_another_failure_of_it(start_gateway, upstream, connect, tmp_path, silent_egress):
    gateway = start_gateway(accounts=[account(proxy=silent_egress.settings())], timeouts={"connect": "1s"}, limits={"attempts": 1})
    for _ in range(8):
        assert ask(connect, gateway).status in (502, 504, 529)
    wait_until(lambda: counted(gateway, "gateway_upstream_dials_refused_total") > 0, "some were told at once")
    dialled = counted(gateway, 'gateway_proxy_attempts_total{', 'outcome="failed"')
    assert 0 < dialled <= silent_egress.accepted, "only what was dialled counts"
    silent_egress.stop()
    returned = SOCKSEgress(tmp_path, port=silent_egress.port, is_open=True).start()
    try:
        wait_until(lambda: ask(connect, gateway).status == 200, "it is used when it is back")
        assert states(gateway) == {str(returned.port): 0.0}
    finally:
        returned.stop()


def counted(gateway, name, part=""):
    return sum(float(line.rsplit(" ", 1)[1]) for line in scrape(gateway).splitlines() if line.startswith(name) and part in line)


def test_proxies_that_people_manage_are_a_list_too(gateway, upstream, connect, exits):
    admin = administer(gateway)
    made = [admin.post("/admin/v1/proxies", {"name": f"way {number}", **exit.settings()}).body["id"] for number, exit in enumerate(exits)]
    both = {"name": "second", "api_key": "sk-ant-canary-second-account", "proxy": made[0], "proxies": made, "priority": 1}
    refused = admin.post("/admin/v1/accounts", both)
    assert refused.status == 422 and refused.body["errors"][0]["pointer"] == "/proxies"
    del both["proxy"]
    assert admin.post("/admin/v1/accounts", both).status == 201
    exits[0].stop()
    wait_until(lambda: ask(connect, gateway).status == 200 and upstream.last.account == both["api_key"], "it goes out")
    listed = {proxy["id"]: proxy for proxy in admin.post("/admin/v1/proxies:status", {}).body["proxies"]}
    assert (listed[made[0]]["state"], listed[made[1]]["state"]) == ("resting", "open") and listed[made[0]]["failures"] == 1
    assert admin.post(f"/admin/v1/proxies/{made[0]}:reset", {}).body["state"] == "open"
    # One that is disabled is passed over.
    assert admin.patch(f"/admin/v1/proxies/{made[1]}", {"enabled": False}).status == 200
    before = len(upstream.requests)
    wait_until(lambda: ask(connect, gateway).status == 200 and len(upstream.requests) > before, "it still goes out")
    assert upstream.last.account == both["api_key"]
