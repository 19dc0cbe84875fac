"""Records through the admin interface: made, found, changed, refused with the field that is wrong, audited."""

import json
import socket
import threading

import pytest

from harness.admin import administer
from harness.waiting import PATIENCE_SECONDS, wait_until

CANARY = "sk-ant-canary-of-a-record"


@pytest.fixture
def admin(gateway):
    return administer(gateway)


def make(admin, resource, **fields):
    answer = admin.post(f"/admin/v1/{resource}", fields)
    assert answer.status == 201, answer.body
    return answer.body


def test_what_the_configuration_fixes_is_shown_and_stays(admin):
    page = admin.get("/admin/v1/keys").body
    fixed = [record for record in page["data"] if record.get("read_only")]
    assert [record["name"] for record in fixed] == ["laptop"]
    identifier = fixed[0]["id"]
    assert identifier.startswith("config:") and fixed[0]["revision"] == 0
    assert admin.get(f"/admin/v1/keys/{identifier}").body == fixed[0]
    for answer in (admin.patch(f"/admin/v1/keys/{identifier}", {"name": "x"}), admin.delete(f"/admin/v1/keys/{identifier}")):
        assert answer.status == 409
        assert "chain.Auth.config" in answer.body["detail"] and "gateway.yaml" in answer.body["detail"]
    assert "canary" not in json.dumps(page)


def test_fixed_and_stored_records_share_pages(admin):
    names = [make(admin, "keys", name=f"key {number}")["name"] for number in range(5)]
    seen, cursor = [], ""
    for _ in range(10):
        page = admin.get(f"/admin/v1/keys?limit=2{cursor}").body
        seen += [record["name"] for record in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == ["laptop", *names]
    found = admin.get("/admin/v1/keys?search=KEY%203").body["data"]
    assert [record["name"] for record in found] == ["key 3"]


def test_a_new_key_is_told_once(admin):
    made = make(admin, "keys", name="phone")
    key = made["revealed"]["key"]
    assert key.startswith("cr_")
    again = admin.get(f"/admin/v1/keys/{made['id']}")
    assert key not in again.raw.decode() and again.headers["etag"] == f'"{made["revision"]}"'


def test_secrets_stay_when_not_named_and_go_with_null(gateway, admin):
    made = make(admin, "accounts", name="second", type="api-key", api_key=CANARY)
    assert "api_key" not in made
    changed = admin.patch(f"/admin/v1/accounts/{made['id']}", {"priority": 7})
    assert changed.status == 200 and changed.body["priority"] == 7 and CANARY not in changed.raw.decode()
    trail = admin.get(f"/admin/v1/audit?resource=accounts&record={made['id']}").body["data"]
    assert [(entry["action"], entry["outcome"]) for entry in trail] == [("update", "done"), ("create", "done")]
    assert trail[0]["fields"] == ["/priority"] and "/api_key" in trail[1]["fields"]
    assert CANARY not in json.dumps(trail)
    gateway.stop()
    for path in gateway.files_in_data():
        assert CANARY.encode() not in path.read_bytes()
    assert CANARY not in gateway.log()


def test_faults_name_the_field(admin):
    answer = admin.post("/admin/v1/keys", {"name": "", "enabled": "yes", "colour": "red"})
    assert answer.status == 422 and answer.pointers == {"/name", "/enabled", "/colour"}
    made = make(admin, "keys", name="phone")
    answer = admin.patch(f"/admin/v1/keys/{made['id']}", {"name": None})
    assert answer.status == 422 and answer.pointers == {"/name"}


@pytest.mark.parametrize("body, kind, status", [
    (b"{", "application/json", 400), (b"[]", "application/json", 422), (b"{}", "text/plain", 415), (b"", "application/json", 400),
    (b"{" + b" " * (1 << 20) + b"}", "application/json", 413), (b"[" * 1000, "application/json", 400),
])
def test_bodies_that_are_none(admin, body, kind, status):
    answer = admin.ask("POST", "/admin/v1/keys", body, headers={"content-type": kind})
    assert answer.status == status and answer.headers["content-type"] == "application/problem+json"


def test_names_are_unique_where_they_must_be(admin):
    make(admin, "tokens", name="ci")
    answer = admin.post("/admin/v1/tokens", {"name": "ci"})
    assert answer.status == 409 and answer.pointers == {"/name"}


def test_what_is_named_must_exist_and_stays_while_it_is_named(admin):
    answer = admin.post("/admin/v1/keys", {"name": "phone", "groups": ["grp_none"]})
    assert answer.status == 422 and answer.pointers == {"/groups/0"}
    answer = admin.post("/admin/v1/keys", {"name": "phone", "groups": ["config:none"]})
    assert answer.status == 422 and answer.pointers == {"/groups/0"}
    group = make(admin, "groups", name="family")
    key = make(admin, "keys", name="phone", groups=[group["id"]])
    refused = admin.delete(f"/admin/v1/groups/{group['id']}")
    assert refused.status == 409 and key["id"] in refused.body["detail"]
    assert admin.delete(f"/admin/v1/keys/{key['id']}").status == 204
    assert admin.delete(f"/admin/v1/groups/{group['id']}").status == 204


def test_of_two_who_change_one_revision_one_hears_of_it(admin):
    made = make(admin, "keys", name="phone")
    path, tag = f"/admin/v1/keys/{made['id']}", {"if-match": f'"{made["revision"]}"'}
    first = admin.patch(path, {"notes": "one"}, headers=tag)
    second = admin.patch(path, {"notes": "two"}, headers=tag)
    assert (first.status, second.status) == (200, 412)
    assert admin.delete(path, headers=tag).status == 412
    assert admin.get(path).body["notes"] == "one"


def test_changes_without_a_revision_are_all_made(admin):
    made = make(admin, "keys", name="phone")
    statuses = []
    threads = [threading.Thread(target=lambda n=n: statuses.append(
        admin.patch(f"/admin/v1/keys/{made['id']}", {"notes": f"number {n}"}).status)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 409} and statuses.count(200) >= 1
    trail = admin.get(f"/admin/v1/audit?record={made['id']}").body["data"]
    assert len([entry for entry in trail if entry["action"] == "update"]) == statuses.count(200)


def test_status_and_reload(gateway, admin):
    before = admin.get("/admin/v1/status").body
    assert [plugin["name"] for plugin in before["plugins"]][0] == "Auth"
    assert admin.post("/admin/v1/reload").status == 200
    assert admin.get("/admin/v1/status").body["generation"] == before["generation"] + 1
    gateway.write("nonsense")
    refused = admin.post("/admin/v1/reload")
    assert refused.status == 409
    assert admin.get("/admin/v1/status").body["generation"] == before["generation"] + 1
    outcomes = [entry["outcome"] for entry in admin.get("/admin/v1/audit").body["data"] if entry["action"] == "reload"]
    assert outcomes == ["refused", "done"]


def test_a_client_that_leaves_in_the_middle_harms_nothing(gateway, admin, connect):
    token = admin.headers["authorization"]
    body = json.dumps({"name": "leaver", "password": "canary admin password"}).encode()
    for _ in range(20):
        client = connect(gateway)
        client.request("POST", "/admin/v1/users", [("authorization", token), ("content-type", "application/json")], body, read=False)
        client.reset()
    assert admin.get("/admin/v1/users").status == 200
    assert gateway.is_running


def test_an_action_that_nobody_waits_for_is_audited_all_the_same(gateway, admin, connect):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = make(admin, "accounts", name="second", type="api-key", api_key=CANARY,
                    base_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        client = connect(gateway)
        client.request("POST", f"/admin/v1/accounts/{made['id']}:test", [("authorization", admin.headers["authorization"])], read=False)
        silent.settimeout(PATIENCE_SECONDS)
        asked, _ = silent.accept()
        client.reset()
        trail = f"/admin/v1/audit?resource=accounts&record={made['id']}"
        entries = wait_until(lambda: [entry for entry in admin.get(trail).body["data"] if entry["action"] == "test"], "the audit entry")
        assert [entry["outcome"] for entry in entries] == ["abandoned"]
        asked.close()


def test_requests_are_counted(admin, gateway):
    admin.get("/admin/v1/keys")
    admin.get("/admin/v1/nothing")
    metrics = admin.get("/metrics").raw.decode()
    assert 'gateway_admin_requests_total{outcome="done"} 1' in metrics
    assert 'gateway_admin_requests_total{outcome="refused"} 1' in metrics
