"""A client of the admin interface: by token, by session, or with whatever credential a test makes up."""

import dataclasses
import http.client
import json
import ssl

from .waiting import PATIENCE_SECONDS


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    raw: bytes

    @property
    def body(self):
        return json.loads(self.raw) if self.raw else None

    @property
    def pointers(self):
        """The fields that a problem document names."""
        return {error["pointer"] for error in self.body.get("errors", [])}

    @property
    def cookie(self):
        """`gw_session=…`, as a browser sends it back."""
        return self.headers["set-cookie"].split(";")[0]


class Admin:
    def __init__(self, address, headers=(), tls=None):
        self.address = address
        self.headers = dict(headers)
        self.tls = tls

    @classmethod
    def with_token(cls, address, token, **arguments):
        return cls(address, {"authorization": f"Bearer {token}"}, **arguments)

    def ask(self, method, path, body=None, headers=()):
        host, port = self.address.rsplit(":", 1)
        if self.tls:
            connection = http.client.HTTPSConnection("localhost", int(port), timeout=PATIENCE_SECONDS, context=self.tls)
        else:
            connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_SECONDS)
        sent = {**self.headers, **dict(headers)}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path, **arguments):
        return self.ask("GET", path, **arguments)

    def post(self, path, body=None, **arguments):
        return self.ask("POST", path, body, **arguments)

    def patch(self, path, body, **arguments):
        return self.ask("PATCH", path, body, **arguments)

    def delete(self, path, **arguments):
        return self.ask("DELETE", path, **arguments)

    def routes(self):
        """Every route that the running gateway describes: (method, path, operation)."""
        document = self.get("/admin/openapi.json").body
        return [(method.upper(), path, operation) for path, methods in document["paths"].items()
                for method, operation in methods.items()]

    def log_in(self, user, password, headers=()):
        return self.post("/admin/v1/session", {"user": user, "password": password}, headers=headers)


def make_token(gateway, name="test", role="admin", **fields):
    """Makes a token from the command line, as an operator does for the first time; returns the token."""
    flags = [part for field, value in fields.items() for part in (f"--{field}", value)]
    done = gateway.run("tokens", "create", "--name", name, "--role", role, *flags, "--json", "--config",
                       gateway.configuration_file)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["revealed"]["token"]


def administer(gateway, role="admin", name="test", address=None):
    """An `Admin` with a new token of that role."""
    return Admin.with_token(address or gateway.address, make_token(gateway, name, role))
