"""Every route below /admin refuses absent, forged, expired and foreign credentials, and says the same to all of them.

The routes are those that the running gateway describes, so a new one cannot be forgotten here.
"""

import pytest

from harness.admin import Admin, administer, make_token

PAST = "2020-01-01T00:00:00Z"
PASSWORD = "canary admin password"
OPEN = {("POST", "/admin/v1/session")}


def path_of(template):
    return template.replace("{id}", "key_00000000000000000000000000")


def session_headers(address, user, password):
    answer = Admin(address).log_in(user, password)
    assert answer.status == 201, answer.body
    return {"cookie": answer.cookie, "x-csrf-token": answer.body["csrf_token"]}


@pytest.fixture
def admin(gateway):
    return administer(gateway)


@pytest.fixture
def credentials(gateway, admin, start_gateway):
    """Name → headers of a credential that must not open anything."""
    other = start_gateway()
    stranger = administer(other)
    for one in (admin, stranger):
        assert one.post("/admin/v1/users", {"name": "ada", "role": "admin", "password": PASSWORD}).status == 201
    token = admin.headers["authorization"].removeprefix("Bearer ")
    ada = session_headers(gateway.address, "ada", PASSWORD)
    cookie = ada["cookie"]
    disabled = admin.post("/admin/v1/tokens", {"name": "off", "role": "admin", "enabled": False}).body["revealed"]["token"]
    expired = admin.post("/admin/v1/tokens", {"name": "old", "role": "admin", "expires": PAST}).body["revealed"]["token"]
    deleted = admin.post("/admin/v1/tokens", {"name": "gone", "role": "admin"}).body
    assert admin.delete(f"/admin/v1/tokens/{deleted['id']}").status == 204
    ended = session_headers(gateway.address, "ada", PASSWORD)
    assert Admin(gateway.address, ended).delete("/admin/v1/session").status == 204
    flipped = "0" if cookie[-1] != "0" else "1"
    return {
        "absent": {},
        "empty": {"authorization": ""},
        "forged token": {"authorization": "Bearer gwa_" + "ab" * 32},
        "nearly the token": {"authorization": f"Bearer {token[:-1]}{'0' if token[-1] != '0' else '1'}"},
        "token as another scheme": {"authorization": f"Basic {token}"},
        "token as an API key": {"x-api-key": token},
        "token as a cookie": {"cookie": f"gw_session={token}"},
        "a client's key": {"authorization": "Bearer cr_canary_client_key_0123456789abcdef"},
        "expired token": {"authorization": f"Bearer {expired}"},
        "disabled token": {"authorization": f"Bearer {disabled}"},
        "deleted token": {"authorization": f"Bearer {deleted['revealed']['token']}"},
        "foreign token": dict(stranger.headers),
        "forged session": {"cookie": "gw_session=ses_" + "0" * 26 + "." + "ab" * 32},
        "nearly the session": {**ada, "cookie": cookie[:-1] + flipped},
        "session that has ended": ended,
        "foreign session": session_headers(other.address, "ada", PASSWORD),
        "two sessions": {**ada, "cookie": f"{cookie}; {cookie}"},
        "a session beside a bad token": {**ada, "authorization": "Bearer nonsense"},
    }


def test_every_route_refuses_every_bad_credential_alike(gateway, admin, credentials):
    routes = admin.routes()
    assert len(routes) >= 15
    assert {("GET", "/admin/v1/tokens"), ("DELETE", "/admin/v1/users/{id}"), ("GET", "/admin/openapi.json")} <= {
        (method, path) for method, path, _ in routes}
    said = set()
    for method, template, _ in routes:
        if (method, template) in OPEN:
            continue
        for name, headers in credentials.items():
            answer = Admin(gateway.address, headers).ask(method, path_of(template), body={} if method in ("POST", "PATCH") else None)
            assert answer.status == 401, f"{name}: {method} {template} answered {answer.status}"
            assert answer.headers["content-type"] == "application/problem+json"
            said.add(answer.body["detail"])
    assert len(said) == 1, said


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"])
@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/v1", "/admin/v1/nothing", "/admin/console/index.html", "/admin/v1/tokens"])
def test_paths_that_do_not_exist_and_methods_that_are_none_are_no_way_in(gateway, admin, method, path):
    assert Admin(gateway.address).ask(method, path).status == 401
    if (method, path) not in {("GET", "/admin/v1/tokens"), ("HEAD", "/admin/v1/tokens"), ("POST", "/admin/v1/tokens")}:
        assert admin.ask(method, path).status in (404, 405)


@pytest.mark.parametrize("path", ["//admin/v1/tokens", "/Admin/v1/keys", "/%61dmin/v1/keys", "/v1/../admin/v1/tokens", "/x/../admin"])
def test_other_spellings_lead_nowhere(gateway, admin, path):
    assert admin.get(path).status == 404


def test_no_route_is_described_as_open_but_the_login(admin):
    assert {(method, path) for method, path, operation in admin.routes() if not operation["security"]} == OPEN


def test_roles_allow_what_they_say_and_nothing_more(gateway, admin):
    order = ["viewer", "operator", "admin"]
    for role in order:
        holder = Admin.with_token(gateway.address, make_token(gateway, f"a-{role}", role))
        for method, template, operation in admin.routes():
            if (method, template) in OPEN or template in ("/admin/v1/reload", "/admin/v1/session"):
                continue
            answer = holder.ask(method, path_of(template), body=b"no json" if method in ("POST", "PATCH") else None)
            is_enough = order.index(role) >= order.index(operation["x-role"])
            assert (answer.status != 403) == is_enough, f"{role}: {method} {template} answered {answer.status}"


def test_answers_cannot_be_kept_guessed_at_or_framed(gateway, admin):
    for answer in (Admin(gateway.address).get("/admin/v1/tokens"), admin.get("/admin/v1/tokens"), admin.get("/admin/v1/no")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_preflight_is_refused(gateway):
    answer = Admin(gateway.address).ask("OPTIONS", "/admin/v1/tokens", headers={
        "origin": "https://evil.example", "access-control-request-method": "POST"})
    assert answer.status == 401
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_addresses_that_are_not_allowed_stay_out(start_gateway):
    gateway = start_gateway(admin={"allow": ["192.0.2.0/24"]})
    admin = administer(gateway)
    for path in ("/admin/v1/tokens", "/admin/openapi.json", "/admin/nothing"):
        assert admin.get(path).status == 403
    assert Admin(gateway.address).log_in("ada", PASSWORD).status == 403


def test_it_can_be_switched_off(start_gateway):
    gateway = start_gateway(admin={"enabled": False})
    admin = administer(gateway)
    assert admin.get("/admin/v1/tokens").status == 404


def test_the_description_can_be_opened(start_gateway):
    gateway = start_gateway(admin={"openapi": True})
    assert Admin(gateway.address).get("/admin/openapi.json").status == 200
    assert Admin(gateway.address).get("/admin/v1/tokens").status == 401


def test_its_own_listener_serves_it_alone(start_gateway, connect, upstream):
    gateway = start_gateway(admin={"listen": "127.0.0.1:0", "allow": []})
    own = gateway.admin_addresses[0]
    admin = administer(gateway, address=own)
    assert admin.get("/admin/v1/tokens").status == 200
    assert Admin(own).get("/admin/v1/tokens").status == 401
    assert admin.get("/readyz").status == 200
    assert admin.post("/v1/messages", {}, headers={"x-api-key": "cr_canary_client_key_0123456789abcdef"}).status == 404
    assert admin.get("/metrics").status == 404
    assert Admin(gateway.address, admin.headers).get("/admin/v1/tokens").status == 404
    assert upstream.requests == []
