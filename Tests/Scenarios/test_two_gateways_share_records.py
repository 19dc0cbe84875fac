"""Two gateways with one Redis: what is changed at one counts at the other, whoever dies."""

import http.client
import threading

import pytest

from harness.admin import administer
from harness.configuration import AUTHORIZED, chain, configuration
from harness.gateway import Gateway
from harness.shared_store import SharedStore
from harness.waiting import PATIENCE_SECONDS, wait_until

BODY = b'{"model":"claude-test-1","max_tokens":1,"stream":true,"messages":[]}'
MASTER_KEY = {"ENCRYPTION_KEY": "0123456789abcdef" * 4}


@pytest.fixture
def store():
    made = SharedStore()
    yield made
    made.stop()


@pytest.fixture
def pair(store, start_gateway):
    five = chain()
    next(entry for entry in five if entry["plugin"] == "RateLimit")["config"]["without_redis"] = "allow"
    return [start_gateway(store=store.url, environment=MASTER_KEY, chain=five) for _ in range(2)]


def status(connect, gateway, key):
    headers = [("x-api-key", key), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")]
    return connect(gateway).request(headers=headers, body=BODY).status


def groups(admin):
    found, cursor = {}, ""
    while cursor is not None:
        page = admin.get(f"/admin/v1/groups?limit=200{cursor}").body
        found.update({group["id"]: group for group in page["data"]})
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    return found


def test_a_key_made_at_one_is_let_in_by_the_other_and_gone_when_it_is_deleted(pair, connect):
    one, other = pair
    admin = administer(one)
    made = admin.post("/admin/v1/keys", {"name": "phone"}).body
    key = made["revealed"]["key"]
    wait_until(lambda: status(connect, other, key) == 200, "the other lets it in")
    assert admin.delete(f"/admin/v1/keys/{made['id']}").status in (200, 204)
    wait_until(lambda: status(connect, other, key) == 401, "the other refuses it")


def test_without_redis_what_is_known_goes_on_and_changes_are_refused_until_it_is_back(store, pair, connect):
    one, other = pair
    admin = administer(one)
    key = admin.post("/admin/v1/keys", {"name": "phone"}).body["revealed"]["key"]
    for gateway in pair:
        wait_until(lambda gateway=gateway: status(connect, gateway, key) == 200, "the key is known")
    store.kill()
    for gateway in pair:
        assert status(connect, gateway, key) == 200
        assert connect(gateway).request(headers=AUTHORIZED, body=BODY).status == 200
    refused = admin.post("/admin/v1/groups", {"name": "late"})
    assert refused.status == 503 and "its log says why" in refused.body["detail"], refused.body
    assert "changes can be made when it is back" in one.log()
    store.start()
    wait_until(lambda: admin.post("/admin/v1/groups", {"name": "late"}).status in (201, 409), "changes are made again")
    second = wait_until(
        lambda: (admin.post("/admin/v1/keys", {"name": "tablet"}).body or {}).get("revealed"), "a key is made")
    wait_until(lambda: status(connect, other, second["key"]) == 200, "the other hears of it")


@pytest.mark.parametrize("victim", ["gateway", "redis"])
def test_what_was_answered_survives_kill(store, pair, victim):
    one, other = pair
    admins = [administer(one, name="one"), administer(other, name="other")]
    acknowledged, unknown, enough = {}, set(), threading.Event()

    def change(number):
        for step in range(number, 400, 8):
            name = f"group {step}"
            try:
                answer = admins[step % 2].post("/admin/v1/groups", {"name": name})
            except (OSError, http.client.HTTPException):
                unknown.add(name)
                continue
            if answer.status == 201:
                acknowledged[answer.body["id"]] = name
            else:
                assert answer.status == 503, answer.raw
                unknown.add(name)
            if len(acknowledged) >= 60:
                enough.set()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    assert enough.wait(PATIENCE_SECONDS)
    if victim == "gateway":
        one.kill()
    else:
        store.kill()
        store.start()
    for thread in threads:
        thread.join()
    found = wait_until(lambda: _listed(admins[1]), "the store is there again")
    names = [group["name"] for group in found.values()]
    assert {identifier: found[identifier]["name"] for identifier in acknowledged} == acknowledged
    assert len(names) == len(set(names)), "nothing is made twice"
    assert set(names) <= set(acknowledged.values()) | unknown


def _listed(admin):
    answer = admin.get("/admin/v1/groups?limit=1")
    return groups(admin) if answer.status == 200 else None


def test_a_gateway_without_its_redis_or_its_key_does_not_start(store, pair, tmp_path, upstream):
    def refusal(name, environment):
        (tmp_path / name).mkdir(exist_ok=True)
        gateway = Gateway(tmp_path / name, configuration(upstream.url, store=store.url), environment)
        done = gateway.run("serve", "--config", gateway.configuration_file)
        assert done.returncode != 0
        return done.stdout + done.stderr

    assert "sealed with master key" in refusal("other", {"ENCRYPTION_KEY": "f" * 64})
    assert "its master key is not here" in refusal("none", {})
    store.kill()
    assert "Is Redis running there" in refusal("other", MASTER_KEY)
