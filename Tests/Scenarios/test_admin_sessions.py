"""Logging in to the admin interface: the cookie, the CSRF token, the throttle, and what ends a session."""

import re
import ssl

import pytest

from harness.admin import Admin, administer
from harness.waiting import wait_until

PASSWORD = "canary admin password"
OTHER_PASSWORD = "canary other password"


@pytest.fixture
def admin(gateway):
    admin = administer(gateway)
    add_user(admin)
    return admin


def add_user(admin, name="ada", role="admin", password=PASSWORD):
    answer = admin.post("/admin/v1/users", {"name": name, "role": role, "password": password})
    assert answer.status == 201, answer.body
    return answer.body["id"]


def log_in(address, user="ada", password=PASSWORD):
    answer = Admin(address).log_in(user, password)
    assert answer.status == 201, answer.body
    return Admin(address, {"cookie": answer.cookie}), answer


def test_the_cookie_is_for_this_site_and_no_script(gateway, admin):
    _, answer = log_in(gateway.address)
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"gw_session=ses_[0-9a-z]{26}\.[0-9a-f]{64}; Path=/admin; Max-Age=43200; HttpOnly; SameSite=Strict", cookie)
    assert answer.body["actor"] == "user:ada" and answer.body["role"] == "admin"


def test_under_tls_the_cookie_is_secure(start_gateway, authority):
    authority.server_context()
    gateway = start_gateway(admin={"listen": {"address": "127.0.0.1:0", "tls": {
        "certificate": str(authority.directory / "server.pem"), "key": str(authority.directory / "server.key")}}})
    context = ssl.create_default_context(cafile=authority.file)
    admin = administer(gateway, address=gateway.admin_addresses[0])
    admin.tls = context
    add_user(admin)
    answer = Admin(gateway.admin_addresses[0], tls=context).log_in("ada", PASSWORD)
    assert answer.status == 201 and answer.headers["set-cookie"].endswith("; Secure")


def test_a_session_reads_with_its_cookie_and_changes_with_its_csrf_token(gateway, admin):
    session, answer = log_in(gateway.address)
    assert session.get("/admin/v1/status").status == 200
    who = session.get("/admin/v1/session").body
    assert who["csrf_token"] == answer.body["csrf_token"]
    for headers in ({}, {"x-csrf-token": ""}, {"x-csrf-token": "0" * 64}):
        refused = session.post("/admin/v1/tokens", {"name": "x"}, headers=headers)
        assert refused.status == 403 and "csrf" in refused.body["detail"].lower()
    assert session.post("/admin/v1/tokens", {"name": "x"}, headers={"x-csrf-token": who["csrf_token"]}).status == 201
    # The CSRF token of one session is nothing to another.
    other, _ = log_in(gateway.address)
    assert other.post("/admin/v1/tokens", {"name": "y"}, headers={"x-csrf-token": who["csrf_token"]}).status == 403


def test_forms_of_other_sites_cannot_log_in(gateway, admin):
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        answer = Admin(gateway.address).ask(
            "POST", "/admin/v1/session", b'{"user":"ada","password":"canary admin password"}', headers={"content-type": kind})
        assert answer.status == 415


def test_a_session_survives_a_restart_and_ends_with_logout(gateway, admin):
    session, answer = log_in(gateway.address)
    gateway.stop()
    gateway.start()
    session.address = gateway.address
    assert session.get("/admin/v1/session").body["actor"] == "user:ada"
    done = session.delete("/admin/v1/session", headers={"x-csrf-token": answer.body["csrf_token"]})
    assert done.status == 204 and "Max-Age=0" in done.headers["set-cookie"]
    assert session.get("/admin/v1/session").status == 401


def test_a_session_ends_by_itself(start_gateway):
    gateway = start_gateway(admin={"session": "1s"})
    add_user(administer(gateway))
    session, _ = log_in(gateway.address)
    wait_until(lambda: session.get("/admin/v1/status").status == 401, "the session is over")


@pytest.mark.parametrize("change", [{"password": OTHER_PASSWORD}, {"enabled": False}, {"password": None}])
def test_what_is_done_to_the_user_ends_the_session(gateway, admin, change):
    session, _ = log_in(gateway.address)
    user = admin.get("/admin/v1/users?search=ada").body["data"][0]["id"]
    assert admin.patch(f"/admin/v1/users/{user}", change).status == 200
    assert session.get("/admin/v1/status").status == 401
    assert Admin(gateway.address).log_in("ada", PASSWORD).status == 401


def test_a_role_that_was_taken_away_is_gone_at_once(gateway, admin):
    session, _ = log_in(gateway.address)
    assert session.get("/admin/v1/users").status == 200
    user = admin.get("/admin/v1/users").body["data"][0]["id"]
    assert admin.patch(f"/admin/v1/users/{user}", {"role": "viewer"}).status == 200
    assert session.get("/admin/v1/users").status == 403
    assert session.get("/admin/v1/status").status == 200


def test_everywhere_is_logged_out_by_the_action_and_by_deletion(gateway, admin):
    user = admin.get("/admin/v1/users").body["data"][0]["id"]
    first, _ = log_in(gateway.address)
    assert admin.post(f"/admin/v1/users/{user}:logout").status == 200
    assert first.get("/admin/v1/status").status == 401
    second, _ = log_in(gateway.address)
    assert second.get("/admin/v1/status").status == 200
    assert admin.delete(f"/admin/v1/users/{user}").status == 204
    assert second.get("/admin/v1/status").status == 401


def test_wrong_logins_are_alike_throttled_and_audited(gateway, admin):
    client = Admin(gateway.address)
    answers = [client.log_in(user, "wrong password") for user in ("ada", "nobody", "ada", "nobody")]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body["detail"] for answer in answers}) == 1
    statuses = [client.log_in("ada", "wrong password").status]
    while statuses[-1] == 401 and len(statuses) < 8:
        statuses.append(client.log_in("ada", "wrong password").status)
    # A slow machine checks a password longer than the first waits last: then it takes one more.
    assert statuses[0] == 401 and statuses[-1] == 429
    refused = client.log_in("ada", PASSWORD)
    assert refused.status == 429 and int(refused.headers["retry-after"]) >= 1
    # Who has a token is not kept out by others' failures.
    trail = admin.get("/admin/v1/audit").body["data"]
    logins = [entry for entry in trail if entry["action"] == "login-refused"]
    assert {entry["actor"] for entry in logins if entry["outcome"] == "refused"} == {"user:ada", "user:?"}
    assert [entry["outcome"] for entry in logins].count("throttled") >= 1
    assert all(entry["source"] == "127.0.0.1" for entry in logins)
    metrics = client.get("/metrics").raw.decode()
    wrong = len(answers) + statuses.count(401)
    assert f'gateway_admin_logins_refused_total{{reason="password"}} {wrong}\n' in metrics
    assert 'gateway_admin_logins_refused_total{reason="throttled"} 2\n' in metrics
    # And after the wait the right password is let in.
    wait_until(lambda: client.log_in("ada", PASSWORD).status == 201, "the wait is over")


def test_passwords_and_tokens_are_nowhere_to_be_found(gateway, admin):
    session, answer = log_in(gateway.address)
    Admin(gateway.address).log_in("ada", OTHER_PASSWORD)
    Admin(gateway.address).log_in(OTHER_PASSWORD, PASSWORD)
    secrets = [PASSWORD, OTHER_PASSWORD, admin.headers["authorization"].removeprefix("Bearer "),
               session.headers["cookie"].split(".")[1], answer.body["csrf_token"]]
    shown = [admin.get(path).raw for path in
             ("/admin/v1/users", "/admin/v1/tokens", "/admin/v1/audit", "/admin/v1/status", "/admin/openapi.json", "/metrics")]
    gateway.stop()
    shown.append(gateway.log().encode())
    shown += [path.read_bytes() for path in gateway.files_in_data()]
    for secret in secrets:
        assert not [text for text in shown if secret.encode() in text], secret[:8]
