"""OAuth accounts: authorized by link and code, refreshed once by whoever is first, and never at the price of the grant."""

import json
import pathlib
import signal
import threading
import time

import pytest

from harness import replies
from harness.admin import administer
from harness.client import RawClient
from harness.configuration import AUTHORIZED, MAIN, MAIN_ACCOUNT, chain
from harness.oauth import REDIRECT, Provider
from harness.person import Person
from harness.shared_store import SharedStore
from harness.waiting import wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"messages":[{"role":"user","content":"x"}]}'
CANARY = "canary-"
MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


@pytest.fixture
def provider(upstream_loop, upstream):
    made = Provider(upstream_loop)
    made.serve(upstream, api_keys=[MAIN_ACCOUNT])
    yield made
    made.server.stop()


@pytest.fixture
def start(start_gateway, provider):
    """A gateway with the provider, and no account of the configuration unless it is told."""
    def begin(accounts=(), **arguments):
        return start_gateway(
            accounts=accounts, secrets=["canary-access", "canary-refresh", "canary-code", "canary-client-secret"],
            picker={"oauth": [provider.configuration], "sticky": {"enabled": False}}, **arguments)
    return begin


@pytest.fixture
def redis():
    made = SharedStore()
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", "redis"])
def start_sharing(request, start):
    """The same, of gateways that all have one store: a file of records, or a Redis."""
    first = []

    def begin(**arguments):
        if request.param == "redis":
            return start(store=request.getfixturevalue("redis").url, environment=MASTER_KEY, **arguments)
        first.append(start(sharing=first[0] if first else None, **arguments))
        return first[-1]
    return begin


def granted(admin, provider, expires=3600, **fields):
    """An account that has a grant already."""
    access, refresh = provider.issue()
    answer = admin.post("/admin/v1/accounts", {
        "name": "subscription", "type": "oauth", **fields,
        "oauth": {"access_token": access, "refresh_token": refresh, "expires": moment(expires)}})
    assert answer.status == 201, answer.body
    return f"/admin/v1/accounts/{answer.body['id']}"


def state(admin, path):
    """None while the store does not answer."""
    return admin.get(path).body.get("oauth", {}).get("state")


def is_stopped(task):
    return (task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


def status(gateway):
    with RawClient(gateway.address) as client:
        return client.request(headers=AUTHORIZED, body=BODY).status


def crowd(gateways, count):
    """So many requests at once, spread over the gateways; the statuses."""
    ready = threading.Barrier(count)
    statuses = []

    def one(gateway):
        with RawClient(gateway.address, seconds=60) as client:
            ready.wait(timeout=60)
            statuses.append(client.request(headers=AUTHORIZED, body=BODY).status)

    threads = [threading.Thread(target=one, args=(gateways[number % len(gateways)],)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


# ---------------------------------------------------------------- switched off, authorized


def test_without_a_provider_there_are_none(gateway):
    refused = administer(gateway).post("/admin/v1/accounts", {"name": "subscription", "type": "oauth"})
    assert refused.status == 422 and refused.pointers == {"/type"}
    assert "switched off" in json.dumps(refused.body)


def test_it_is_authorized_through_the_admin_interface(start, provider, upstream):
    gateway = start()
    admin = administer(gateway)
    made = admin.post("/admin/v1/accounts", {"name": "subscription", "type": "oauth"})
    assert made.status == 201, made.body
    path = f"/admin/v1/accounts/{made.body['id']}"
    assert made.body["oauth"] == {"provider": "provider", "state": "unauthorized"}
    assert status(gateway) == 529

    assert admin.post(f"{path}:exchange", {"code": "abc"}).status == 409
    link = admin.post(f"{path}:authorize", {}).body["link"]
    other = provider.consent(link).replace("state=", "state=x")
    assert admin.post(f"{path}:exchange", {"code": other}).status == 422
    brought = provider.consent(link)
    done = admin.post(f"{path}:exchange", {"code": brought})
    assert done.status == 200 and done.body["state"] == "valid", done.body
    again = admin.post(f"{path}:exchange", {"code": brought})
    assert again.status == 409 and "under way" in again.body["detail"]

    with RawClient(gateway.address) as client:
        answer = client.request(headers=[*AUTHORIZED, ("anthropic-beta", "one-beta")], body=BODY)
    assert answer.status == 200
    assert upstream.last.header("authorization").startswith("Bearer canary-access") and upstream.last.header("x-api-key") is None
    assert upstream.last.header("anthropic-beta") == "one-beta,oauth-canary-beta"
    tried = admin.post(f"{path}:test", {}).body
    assert tried["ok"], tried

    shown = admin.get(path).body
    assert shown["oauth"]["state"] == "valid" and shown["oauth"]["expires"] > moment(3000)
    assert CANARY not in json.dumps(shown) and CANARY not in json.dumps(admin.get("/admin/v1/accounts").body)
    assert CANARY not in json.dumps(admin.get("/admin/v1/audit").body)
    gateway.stop()
    stored = b"".join(file.read_bytes() for file in gateway.files_in_data() if file.name != "applied.yaml")
    assert b"canary-access" not in stored and b"canary-refresh" not in stored and b"canary-code" not in stored


def test_it_is_authorized_from_the_command_line(start, provider):
    gateway = start()

    def run(*arguments):
        done = gateway.run("accounts", *arguments, "--json", "--config", gateway.configuration_file)
        assert CANARY not in done.stdout.replace("canary-client-id", "") + done.stderr
        return done

    made = json.loads(run("create", "--name", "subscription", "--type", "oauth").stdout)
    link = json.loads(run("authorize", "--id", made["id"]).stdout)["link"]
    refused = run("exchange", "--id", made["id"], "--code", f"{REDIRECT}?error=access_denied&state=x")
    assert refused.returncode != 0 and "access_denied" in refused.stderr, refused.stderr
    code = provider.consent(link).split("code=")[1].split("&")[0]
    done = run("exchange", "--id", made["id"], "--code", code)
    assert done.returncode == 0, done.stderr
    listed = gateway.run("accounts", "list", "--config", gateway.configuration_file)
    assert "oauth" in listed.stdout and "valid" in listed.stdout, listed.stdout
    wait_until(lambda: status(gateway) == 200, "the gateway has heard of it")


@pytest.fixture
def unauthorized(start):
    """A gateway with an OAuth account that nobody has authorized yet."""
    gateway = start()
    made = gateway.run("accounts", "create", "--name", "subscription", "--type", "oauth", "--config", gateway.configuration_file)
    assert made.returncode == 0, made.stderr
    return gateway


def test_a_person_at_a_terminal_authorizes_it_with_one_command(unauthorized, provider):
    with Person(unauthorized, "accounts", "authorize", "subscription") as person:
        link = person.reads(r"(https://console\S+)\r?\n").group(1)
        person.reads(r"browser ended at: ")
        person.types(provider.consent(link).replace("state=", "state=x") + "\n")
        person.reads("the state is not the one of the last link")
        person.reads(r"browser ended at: ")
        person.types(provider.consent(link) + "\n")
        person.reads(r"state\s+valid")
        assert person.ends() == 0, person.screen
        assert "an access token and the refresh token that renews it, both sealed" in person.screen
        assert "canary-access" not in person.screen and "canary-refresh" not in person.screen
    wait_until(lambda: status(unauthorized) == 200, "the gateway has heard of it")


def test_a_person_who_brings_nothing_back_may_do_so_later(unauthorized, provider):
    with Person(unauthorized, "accounts", "authorize", "--id", "subscription") as person:
        link = person.reads(r"(https://console\S+)\r?\n").group(1)
        person.reads(r"browser ended at: ")
        person.types("\x04")
        assert person.ends() != 0 and "nothing is stored" in person.screen, person.screen
    code = provider.consent(link)
    done = unauthorized.run("accounts", "authorize", "subscription", "--code", code, "--json", "--config", unauthorized.configuration_file)
    assert done.returncode == 0 and json.loads(done.stdout)["state"] == "valid", done.stderr
    wait_until(lambda: status(unauthorized) == 200, "the gateway has heard of it")
    again = unauthorized.run("accounts", "authorize", "subscription", "--code", code, "--config", unauthorized.configuration_file)
    assert again.returncode != 0 and "authorization is under way" in again.stderr, again.stderr


def test_a_code_that_the_provider_refuses_is_told_without_it(start, provider):
    gateway = start()
    admin = administer(gateway)
    made = admin.post("/admin/v1/accounts", {"name": "subscription", "type": "oauth"}).body
    path = f"/admin/v1/accounts/{made['id']}"
    admin.post(f"{path}:authorize", {})
    refused = admin.post(f"{path}:exchange", {"code": "canary-code-of-nobody"})
    assert refused.status == 502 and "invalid_grant" in refused.body["detail"] and CANARY not in refused.body["detail"]
    assert state(admin, path) == "unauthorized"


# ---------------------------------------------------------------- refreshed


@pytest.mark.parametrize("how", ["expired", "rejected", "rejected in a stream"])
def test_a_hundred_requests_on_two_gateways_refresh_once(start_sharing, provider, upstream, how):
    provider.serve(upstream, refuses_in_stream=how == "rejected in a stream")
    first, second = start_sharing(threads=2), start_sharing(threads=2)
    admin = administer(first)
    path = granted(admin, provider)
    wait_until(lambda: status(first) == status(second) == 200, "both have the account")
    gate = replies.Gate()
    provider.behave(("before", [gate]))
    provider.expire()
    if how == "expired":
        assert admin.patch(path, {"oauth": {"expires": moment(-1)}}).status == 200
    threading.Timer(0.3, gate.open).start()
    assert crowd([first, second], 100) == [200] * 100
    assert len(provider.refreshes) == 1 and provider.reused == 0
    assert state(admin, path) == "valid"
    # And what was stored last is the token that was given last: the next refresh sends it, from the other gateway.
    assert administer(second, name="second").post(f"{path}:refresh", {}).status == 200
    assert len(provider.refreshes) == 2 and provider.reused == 0


def test_it_is_refreshed_ahead_of_its_end(start, provider):
    provider.lifetime = 3600
    gateway = start()
    admin = administer(gateway)
    path = granted(admin, provider, expires=60)  # a tenth of an unknown life is ten minutes
    wait_until(lambda: len(provider.refreshes) == 1 and state(admin, path) == "valid", "it is refreshed by itself")
    assert status(gateway) == 200
    assert admin.get(path).body["oauth"]["expires"] > moment(3000)
    # And by order.
    done = admin.post(f"{path}:refresh", {})
    assert done.status == 200 and len(provider.refreshes) == 2, done.body
    assert status(gateway) == 200 and provider.reused == 0


@pytest.mark.parametrize("how", ["status", "first event"])
def test_a_401_is_answered_by_refreshing(start, provider, upstream, how):
    provider.serve(upstream, api_keys=[MAIN_ACCOUNT], refuses_in_stream=how == "first event")
    gateway = start(accounts=[{**MAIN, "priority": 90}])
    admin = administer(gateway)
    granted(admin, provider, priority=1)
    wait_until(lambda: status(gateway) == 200 and upstream.last.account.startswith("canary"), "the account serves")
    provider.expire()
    before = len(upstream.requests)
    with RawClient(gateway.address) as client:
        answer = client.request(headers=AUTHORIZED, body=BODY)
    assert answer.status == 200 and b"authentication_error" not in answer.body
    assert [request.account == MAIN_ACCOUNT for request in upstream.requests[before:]] == [False, False]
    assert len(provider.refreshes) == 1
    stands = admin.post("/admin/v1/accounts:status", {}).body["accounts"]
    assert [one["rests"] for one in stands if one["name"] == "subscription"] == [[]], "it is not blamed"
    trail = admin.post("/admin/v1/accounts:why", {"request": answer.header("x-gateway-request-id")}).body["decisions"]
    assert [one["account"] for one in trail] == ["subscription"] * 2 and trail[1]["why"] == "refreshed"
    assert (trail[0]["status"], trail[0].get("first_event")) == ((401, None) if how == "status" else (200, "unauthorised"))


def test_a_stream_that_is_refused_again_is_the_accounts_own_trouble(start, provider, upstream):
    """Refreshed once, then as any refused credential: the client sees the refusal where nobody else can serve."""
    gateway = start()
    admin = administer(gateway)
    granted(admin, provider)
    wait_until(lambda: status(gateway) == 200, "the account serves")
    refusal = replies.event("error", {"type": "error", "error": {"type": "authentication_error", "message": "invalid credential"}})
    upstream.answer(replies.stream([refusal]))
    before = len(upstream.requests)
    with RawClient(gateway.address) as client:
        answer = client.request(headers=AUTHORIZED, body=BODY)
    assert answer.status == 200 and answer.body == refusal and answer.is_complete
    assert len(upstream.requests) == before + 2 and len(provider.refreshes) == 1
    [stands] = admin.post("/admin/v1/accounts:status", {}).body["accounts"]
    assert [rest["reason"] for rest in stands["rests"]] == ["unauthorised"]


def test_a_revoked_grant_needs_the_operator_and_others_serve(start, provider, upstream):
    gateway = start(accounts=[{**MAIN, "priority": 90}])
    admin = administer(gateway)
    path = granted(admin, provider, priority=1)
    wait_until(lambda: status(gateway) == 200 and upstream.last.account.startswith("canary"), "the account serves")
    provider.is_revoked = True
    provider.expire()
    assert crowd([gateway], 20) == [200] * 20
    wait_until(lambda: state(admin, path) == "needs_operator", "it says so")
    shown = admin.get(path).body["oauth"]
    assert "invalid_grant" in shown["detail"] and CANARY not in json.dumps(shown)
    assert len(provider.refreshes) == 1
    assert status(gateway) == 200 and upstream.last.account == MAIN_ACCOUNT
    stands = admin.post("/admin/v1/accounts:status", {}).body["accounts"]
    assert [one["state"] for one in stands if one["name"] == "subscription"] == ["needs_operator"]

    with RawClient(gateway.address) as client:
        answer = client.request(headers=AUTHORIZED, body=BODY)
    trail = admin.post("/admin/v1/accounts:why", {"request": answer.header("x-gateway-request-id")}).body
    assert {"account": "subscription", "reason": "no_credential"} in trail["decisions"][0]["passed_over"]

    link = admin.post(f"{path}:authorize", {}).body["link"]
    assert admin.post(f"{path}:exchange", {"code": provider.consent(link)}).status == 200
    wait_until(lambda: status(gateway) == 200 and upstream.last.account.startswith("canary"), "it serves again")


@pytest.mark.parametrize("answer", ["500", "429", "closed"])
def test_an_endpoint_that_fails_is_asked_again(start, provider, answer):
    gateway = start()
    admin = administer(gateway)
    if answer == "closed":
        provider.server.stop_listening()
    else:
        provider.behave(("instead", replies.plain(int(answer), b'{"error":"temporarily_unavailable"}')))
    path = granted(admin, provider, expires=60)
    wait_until(lambda: admin.get(path).body["oauth"].get("failures") == 1, "the first try is noted")
    shown = admin.get(path).body["oauth"]
    assert shown["state"] == "valid" and "retry_at" in shown and "detail" in shown
    assert status(gateway) == 200, "the token is still good"
    if answer == "closed":
        provider.server.listen_again()
    wait_until(lambda: "failures" not in admin.get(path).body["oauth"], "it was tried again")
    assert provider.reused == 0 and status(gateway) == 200


@pytest.mark.parametrize("ending", ["reset", "silence"])
def test_an_answer_that_is_lost_is_not_asked_for_again(start, provider, upstream, ending):
    gateway = start(accounts=[{**MAIN, "priority": 90}])
    admin = administer(gateway)
    provider.behave(("lost", [replies.Reset()] if ending == "reset" else [replies.Stall()]))
    path = granted(admin, provider, expires=60, priority=1)
    wait_until(lambda: state(admin, path) == "needs_operator", "it is clearly marked")
    assert "authorize it again" in admin.get(path).body["oauth"]["detail"]
    # The provider gave new tokens that nobody has: the old one is rejected, and the other account serves.
    assert crowd([gateway], 10) == [200] * 10
    assert len(provider.refreshes) == 1 and provider.reused == 0
    link = admin.post(f"{path}:authorize", {}).body["link"]
    assert admin.post(f"{path}:exchange", {"code": provider.consent(link)}).status == 200
    wait_until(lambda: status(gateway) == 200 and upstream.last.account.startswith("canary"), "it serves again")


def test_killed_between_the_reply_and_the_store(start_sharing, provider, upstream):
    accounts = [{**MAIN, "priority": 90}]
    gateway, other = start_sharing(accounts=accounts), start_sharing(accounts=accounts)
    admin = administer(gateway)
    gate = replies.Gate()
    provider.behave(("before", [gate]))
    path = granted(admin, provider, expires=60, priority=1)
    wait_until(lambda: gate.is_reached and state(admin, path) == "refreshing", "the refresh token was sent")
    # Either of the two may have claimed it.
    if f"/{other.process.pid}/" in admin.get(path).body["oauth"]["claim"]["owner"]:
        gateway, other = other, gateway
    # It is stopped, the answer reaches its socket, and it dies before it can read it.
    assert crowd([other], 10) == [200] * 10
    gateway.signal(signal.SIGSTOP)
    wait_until(lambda: all(is_stopped(task) for task in pathlib.Path(f"/proc/{gateway.process.pid}/task").iterdir()),
               "every thread has stopped, which takes until one of them has run")
    answered = len(provider.used)
    gate.open()
    wait_until(lambda: len(provider.used) == answered + 1 and provider.server.last.was_answered, "the provider has answered")
    gateway.kill()
    assert crowd([other], 10) == [200] * 10
    gateway.start()
    admin = administer(gateway, name="again")
    assert status(gateway) == 200
    wait_until(lambda: state(admin, path) == "needs_operator", "the claim is over, and it is clearly marked", seconds=60)
    shown = admin.get(path).body["oauth"]
    assert "died" in shown["detail"] and "claim" not in shown
    assert crowd([gateway, other], 20) == [200] * 20
    assert len(provider.refreshes) == 1 and provider.reused == 0 and not provider.is_revoked


def test_a_store_that_dies_before_it_has_the_new_token_costs_nothing(start, redis, provider):
    five = chain(accounts=(), picker={"oauth": [provider.configuration], "sticky": {"enabled": False}})
    next(entry for entry in five if entry["plugin"] == "RateLimit")["config"]["without_redis"] = "allow"
    gateway = start(store=redis.url, environment=MASTER_KEY, chain=five)
    admin = administer(gateway)
    gate = replies.Gate()
    provider.behave(("before", [gate]))
    path = granted(admin, provider, expires=60)
    wait_until(lambda: gate.is_reached and state(admin, path) == "refreshing", "the refresh token was sent")
    redis.kill()
    gate.open()
    wait_until(lambda: "kept in memory" in gateway.log(), "it cannot be stored")
    assert crowd([gateway], 20) == [200] * 20, "only the new token is good, and it is known here only"
    redis.start()
    wait_until(lambda: state(admin, path) == "valid", "it is stored")
    assert crowd([gateway], 20) == [200] * 20
    assert admin.post(f"{path}:refresh", {}).status == 200, "and it was the right one"
    assert len(provider.refreshes) == 2 and provider.reused == 0
    gateway.stop()
    gateway.start()
    wait_until(lambda: status(gateway) == 200, "another process has it, too")
    assert len(provider.refreshes) == 2 and provider.reused == 0


def test_a_reload_and_a_stop_wait_for_what_was_sent(start, provider):
    gateway = start()
    admin = administer(gateway)
    for end in ("reload", "stop"):
        gate = replies.Gate()
        provider.behave(("before", [gate]))
        path = granted(admin, provider, expires=60, name=f"for the {end}")
        wait_until(lambda: gate.is_reached, "the refresh token was sent")
        if end == "reload":
            status_of_reload, said = gateway.reload()
            assert status_of_reload == 0, said
            gate.open()
            wait_until(lambda: state(admin, path) == "valid", "the old chain stored what it got")
        else:
            gateway.signal(signal.SIGTERM)
            wait_until(lambda: "draining" in gateway.log(), "it drains")
            gate.open()
            gateway.wait_for_end()
            gateway.stop()
            gateway.start()
            admin = administer(gateway, name="again")
            assert state(admin, path) == "valid"
    assert len(provider.refreshes) == 2 and provider.reused == 0


def test_a_refresh_goes_through_the_accounts_proxy(start, provider, egress):
    gateway = start()
    admin = administer(gateway)
    proxy = admin.post("/admin/v1/proxies", {"name": "way out", **egress.settings()}).body
    path = granted(admin, provider, expires=60, proxy=proxy["id"])
    wait_until(lambda: len(provider.refreshes) == 1 and state(admin, path) == "valid", "it is refreshed")
    assert status(gateway) == 200
    egress.stop()
    failed = admin.post(f"{path}:refresh", {})
    assert failed.status == 502, failed.body
    assert len(provider.refreshes) == 1, "nothing went out directly"
