"""Keys, accounts and proxies that people manage count from the next request on, and a plugin of anybody's has resources too."""

import json
import pathlib
import subprocess

import pytest

from harness import replies
from harness.admin import administer
from harness.configuration import AUTHORIZED, MAIN_ACCOUNT, account, chain
from harness.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'
SECOND_ACCOUNT = "sk-ant-canary-second-account"


@pytest.fixture
def admin(gateway):
    return administer(gateway)


def make(admin, resource, **fields):
    answer = admin.post(f"/admin/v1/{resource}", fields)
    assert answer.status == 201, answer.body
    return answer.body


def with_key(key):
    return [("x-api-key", key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")]


def status(connect, gateway, key):
    return connect(gateway).request(headers=with_key(key), body=BODY).status


def test_a_key_and_an_account_are_used_by_the_next_request_while_a_stream_runs(gateway, admin, upstream, connect):
    gate = replies.Gate()
    events = replies.message_events(["one", "two"])
    upstream.enqueue(replies.stream([*events[:4], gate, *events[4:]]))
    running = connect(gateway)
    running.request(headers=AUTHORIZED, body=BODY, read=False)
    response = running.response_head()
    running.read_body_until(response, b"one")

    second = make(admin, "accounts", name="second", api_key=SECOND_ACCOUNT, priority=1)
    key = make(admin, "keys", name="phone")["revealed"]["key"]
    wait_until(lambda: status(connect, gateway, key) == 200, "the new key is let in")
    assert upstream.last.account == SECOND_ACCOUNT

    assert admin.patch(f"/admin/v1/accounts/{second['id']}", {"enabled": False}).status == 200
    wait_until(lambda: status(connect, gateway, key) == 200 and upstream.last.account != SECOND_ACCOUNT, "the account is left alone")
    gate.open()
    assert b"message_stop" in running.read_rest(response).body


def test_who_waits_for_an_account_goes_on_when_another_is_deleted(start_gateway, upstream, connect):
    """Deleting one moves those behind it to other places of the list; who waits must find its account all the same."""
    gateway = start_gateway(accounts=[account(concurrency=1)])
    admin = administer(gateway)
    unused = make(admin, "accounts", name="unused", api_key="sk-ant-canary-unused", enabled=False)
    make(admin, "accounts", name="second", api_key=SECOND_ACCOUNT, concurrency=1, priority=1)

    def chosen():
        assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
        return upstream.last.account

    wait_until(lambda: chosen() == SECOND_ACCOUNT, "the second account is known")
    before = len(upstream.requests)
    gates = {MAIN_ACCOUNT: replies.Gate(), SECOND_ACCOUNT: replies.Gate()}
    upstream.answer(lambda received: [gates[received.account], *replies.plain(200, received.account.encode())])
    clients = [connect(gateway) for _ in range(3)]
    for count, client in enumerate(clients[:2], 1):
        client.request(headers=AUTHORIZED, body=BODY, read=False)
        wait_until(lambda: len(upstream.requests) == before + count, f"{count} are under way")
    assert {received.account for received in upstream.requests[before:]} == set(gates)
    clients[2].request(headers=AUTHORIZED, body=BODY, read=False)
    wait_until(lambda: waiting(gateway, connect) == 1, "the third waits")
    assert admin.delete(f"/admin/v1/accounts/{unused['id']}").status == 204
    gates[SECOND_ACCOUNT].open()
    third = clients[2].response()
    assert (third.status, third.body) == (200, SECOND_ACCOUNT.encode())
    gates[MAIN_ACCOUNT].open()
    assert {client.response().status for client in clients[:2]} == {200}


def waiting(gateway, connect):
    """How many wait for an account."""
    text = connect(gateway).request("GET", "/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("gateway_account_waiting"))


def test_a_key_that_is_disabled_or_deleted_is_refused(gateway, admin, connect):
    made = make(admin, "keys", name="phone")
    path, key = f"/admin/v1/keys/{made['id']}", made["revealed"]["key"]
    wait_until(lambda: status(connect, gateway, key) == 200, "the key is let in")
    assert admin.patch(path, {"enabled": False}).status == 200
    wait_until(lambda: status(connect, gateway, key) == 401, "the disabled key is refused")
    assert admin.patch(path, {"enabled": True}).status == 200
    wait_until(lambda: status(connect, gateway, key) == 200, "the key is let in again")
    assert admin.delete(path).status == 204
    wait_until(lambda: status(connect, gateway, key) == 401, "the deleted key is refused")


def test_a_rotated_key_overlaps(gateway, admin, connect):
    made = make(admin, "keys", name="phone")
    old = made["revealed"]["key"]
    answer = admin.post(f"/admin/v1/keys/{made['id']}:rotate", {"overlap": 3600.0})  # an integer to JSON Schema
    assert answer.status == 200, answer.body
    new = answer.body["revealed"]["key"]
    wait_until(lambda: status(connect, gateway, new) == 200, "the new key is let in")
    assert status(connect, gateway, old) == 200
    assert admin.post(f"/admin/v1/keys/{made['id']}:rotate", {}).status == 200
    wait_until(lambda: status(connect, gateway, new) == 401, "without an overlap the old key is refused")
    assert status(connect, gateway, old) == 401


def test_a_key_of_the_configuration_is_not_rotated(gateway, admin, connect):
    refused = admin.post("/admin/v1/keys/config:laptop:rotate", {})
    assert refused.status == 409 and "configuration" in refused.body["detail"], refused.body
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200


def test_keys_outlive_the_process(gateway, admin, connect):
    key = make(admin, "keys", name="phone")["revealed"]["key"]
    gateway.stop()
    gateway.start()
    assert status(connect, gateway, key) == 200


def test_a_token_limit_runs_out(gateway, admin, upstream, connect):
    upstream.answer(replies.plain(200, replies.message(input_tokens=600, output_tokens=40)))
    made = make(admin, "keys", name="phone", limits={"token_limit": 1000})
    key = made["revealed"]["key"]
    wait_until(lambda: status(connect, gateway, key) == 200, "the key is let in")
    assert status(connect, gateway, key) == 200
    refused = connect(gateway).request(headers=with_key(key), body=BODY)
    assert refused.status == 402 and b"used up the 1000 tokens" in refused.body
    assert admin.patch(f"/admin/v1/keys/{made['id']}", {"limits": {"token_limit": 5000}}).status == 200
    wait_until(lambda: status(connect, gateway, key) == 200, "more was given")


@pytest.mark.parametrize("policy, leaves", [("abort", True), ("drain", False)])
def test_a_key_says_what_becomes_of_an_exchange_whose_client_leaves(gateway, admin, upstream, connect, policy, leaves):
    key = make(admin, "keys", name="phone", client_gone=policy)["revealed"]["key"]
    wait_until(lambda: status(connect, gateway, key) == 200, "the key is let in")
    gate = replies.Gate()
    events = replies.message_events(["one"] * 20)
    upstream.answer(replies.stream([*events[:10], gate, *events[10:]]))
    client = connect(gateway)
    client.request(headers=with_key(key), body=BODY, read=False)
    client.read_body_until(client.response_head(), events[9])
    received = upstream.last
    client.reset()
    if leaves:
        assert received.gateway_left.wait(timeout=20), "the upstream was not let go of"
    gate.open()
    wait_until(lambda: received.was_answered or received.gateway_left.is_set(), "the upstream exchange ends")
    assert received.gateway_left.is_set() == leaves or received.was_answered


def test_an_account_is_tried_through_its_proxy(gateway, admin, upstream, egress, connect):
    upstream.answer(replies.plain(200, b'{"data":[]}', [("anthropic-ratelimit-requests-remaining", "41")]))
    proxy = make(admin, "proxies", name="way out", **egress.settings())
    second = make(admin, "accounts", name="second", api_key=SECOND_ACCOUNT, proxy=proxy["id"], priority=1)
    wait_until(lambda: admin.post(f"/admin/v1/accounts/{second['id']}:test", {}).status == 200, "the proxy is known")
    answer = admin.post(f"/admin/v1/accounts/{second['id']}:test", {}).body
    assert answer["ok"] and answer["status"] == 200 and answer["latency_ms"] >= 0
    assert answer["headers"] == {"anthropic-ratelimit-requests-remaining": "41"}
    assert upstream.last.target == "/v1/models?limit=1" and upstream.last.account == SECOND_ACCOUNT
    tried = admin.post(f"/admin/v1/proxies/{proxy['id']}:test", {}).body
    assert tried["ok"] and "canary" not in json.dumps(tried)
    assert admin.delete(f"/admin/v1/proxies/{proxy['id']}").status == 409
    egress.stop()
    gone = admin.post(f"/admin/v1/accounts/{second['id']}:test", {}).body
    assert not gone["ok"] and "status" not in gone


def test_what_stands_in_the_configuration_is_tried_as_well(start_gateway, upstream, egress):
    upstream.answer(replies.plain(200, b'{"data":[]}'))
    settings = egress.settings()
    written = f"{settings['type']}://{settings['username']}:{settings['password']}@{settings['host']}:{settings['port']}"
    gateway = start_gateway(
        accounts=[account(proxy=settings)], egress={"proxies": {"parts": settings, "written": written}})
    admin = administer(gateway)
    tried = admin.post("/admin/v1/accounts/config:main:test", {}).body
    assert tried["ok"] and tried["proxy"].endswith(f"127.0.0.1:{settings['port']}") and "canary" not in json.dumps(tried)
    assert upstream.last.account == MAIN_ACCOUNT
    listed = {proxy["id"]: proxy for proxy in admin.get("/admin/v1/proxies").body["data"]}
    for name in ("parts", "written"):
        assert admin.post(f"/admin/v1/proxies/config:{name}:test", {}).body["ok"]
        assert (listed[f"config:{name}"]["host"], listed[f"config:{name}"]["port"]) == ("127.0.0.1", settings["port"])
    assert "canary" not in json.dumps(listed)
    egress.stop()
    assert not admin.post("/admin/v1/accounts/config:main:test", {}).body["ok"]
    assert not admin.post("/admin/v1/proxies/config:parts:test", {}).body["ok"]


# ---------------------------------------------------------------- a plugin that nobody of ours wrote


@pytest.fixture(scope="session")
def deny_list(tmp_path_factory):
    """The example in C, built with the line of its README."""
    target = tmp_path_factory.mktemp("plugin") / "libdeny-list.so"
    subprocess.run(
        ["cc", "-std=c99", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-I", ROOT / "Sources/PluginABI/include",
         ROOT / "examples/deny-list-c/deny_list.c", "-o", target], check=True)
    return str(target)


def test_a_third_partys_resource_has_all_of_it(start_gateway, deny_list, connect):
    secret = "canary notice token"
    gateway = start_gateway(
        chain=[{"plugin": deny_list, "name": "deny"}, *chain()], secrets=[secret])
    admin = administer(gateway)
    refused = admin.post("/admin/v1/denials", {"name": "nothing"})
    assert refused.status == 422 and refused.pointers == {"/word"}
    made = make(admin, "denials", name="bird", word="bluebird", notice_token=secret)
    assert "notice_token" not in made and made["id"].startswith("denial_")

    body = b'{"model":"claude-test-1","messages":[{"role":"user","content":"the bluebird sings"}]}'
    wait_until(lambda: connect(gateway).request(headers=AUTHORIZED, body=body).status == 403, "the word is refused")
    told = connect(gateway).request(headers=[*AUTHORIZED, ("x-denial-token", secret)], body=body)
    assert made["id"].encode() in told.body
    assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200

    # The command line and the description know it, and have no line about it.
    listed = gateway.run("denials", "list", "--json", "--config", gateway.configuration_file)
    assert listed.returncode == 0, listed.stderr
    assert [record["name"] for record in json.loads(listed.stdout)["data"]] == ["bird"]
    created = gateway.run(
        "denials", "create", "--name", "address", "--address", "127.0.0.1", "--json", "--config", gateway.configuration_file)
    assert created.returncode == 0, created.stderr
    wait_until(lambda: connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 403, "the address is refused")
    assert "/admin/v1/denials" in admin.get("/admin/openapi.json").body["paths"]

    # At rest the secret is sealed.
    gateway.stop()
    stored = b"".join(path.read_bytes() for path in gateway.files_in_data())
    assert b"bluebird" in stored and secret.encode() not in stored and b"gws1." in stored
