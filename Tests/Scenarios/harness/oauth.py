"""A provider of OAuth: a token endpoint with refresh tokens that rotate and punish reuse, and what its API accepts.

It follows RFC 6749 sections 4.1.3, 5 and 6 and RFC 7636. A refresh token that is sent a second time revokes the whole
grant, as RFC 9700 section 4.14.2 advises.
"""

import base64
import hashlib
import itertools
import json
import threading
import urllib.parse

from . import replies
from .upstream import ScriptedUpstream

CLIENT_ID = "canary-client-id"
REDIRECT = "https://console.example/oauth/code"
SCOPES = ["user:inference", "user:profile"]


class Provider:
    """`server` is its token endpoint. Every token holds the word canary, so that none can hide in a log."""

    def __init__(self, upstream_loop):
        self.server = ScriptedUpstream(upstream_loop)
        self.server.answer(self._answer)
        self.lifetime = 3600
        self.asked = []
        self.behaviours = []
        self.is_revoked = False
        self.reused = 0
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._codes = {}
        self.live = set()
        self.refresh_token = None
        self.used = set()

    @property
    def configuration(self):
        return {
            "name": "provider", "authorize_url": "https://console.example/oauth/authorize?audience=api",
            "token_url": f"{self.server.url}/oauth/token", "client_id": CLIENT_ID, "scopes": SCOPES, "redirect_uri": REDIRECT,
            "headers": {"anthropic-beta": "oauth-canary-beta"}, "timeout_seconds": 2,
        }

    # What a person's browser would do.

    def consent(self, link):
        """Opens the link as the person does; returns the address that the browser ends at."""
        address = urllib.parse.urlsplit(link)
        fields = dict(urllib.parse.parse_qsl(address.query))
        assert address.path == "/oauth/authorize" and fields["audience"] == "api"
        assert fields["response_type"] == "code" and fields["code_challenge_method"] == "S256", fields
        assert fields["client_id"] == CLIENT_ID and fields["redirect_uri"] == REDIRECT and fields["scope"] == " ".join(SCOPES)
        code = f"canary-code-{next(self._numbers)}"
        self._codes[code] = fields["code_challenge"]
        return f"{REDIRECT}?{urllib.parse.urlencode({'code': code, 'state': fields['state']})}"

    # Tokens.

    def issue(self):
        """A grant as if a person had consented: (access token, refresh token)."""
        with self._lock:
            return self._issue()

    def _issue(self):
        number = next(self._numbers)
        access = f"canary-access-token-{number}"
        self.live.add(access)
        self.refresh_token = f"canary-refresh-token-{number}"
        return access, self.refresh_token

    def expire(self):
        """No access token that was issued is good any more."""
        with self._lock:
            self.live.clear()

    @property
    def refreshes(self):
        return [fields for fields in self.asked if fields.get("grant_type") == "refresh_token"]

    def behave(self, *behaviours):
        """What happens to the next requests: a reply instead of an answer, or a list of steps to end the answer with."""
        self.behaviours.extend(behaviours)

    def _answer(self, received):
        # A generator: the body is there when the first step is asked for.
        yield from self._steps(received)

    def _steps(self, received):
        if received.header("content-type") == "application/json":
            fields = json.loads(received.body)
        else:
            fields = dict(urllib.parse.parse_qsl(received.body.decode()))
        with self._lock:
            self.asked.append(fields)
            behaviour = self.behaviours.pop(0) if self.behaviours else None
        if behaviour is not None and behaviour[0] == "instead":
            yield from behaviour[1]
            return
        if behaviour is not None and behaviour[0] == "before":
            yield from behaviour[1]
        with self._lock:
            status, answer = self._grant(fields)
        if behaviour is not None and behaviour[0] == "lost":
            yield from behaviour[1]
            return
        yield from replies.plain(status, json.dumps(answer).encode(), [("cache-control", "no-store")])

    def _grant(self, fields):
        if fields.get("client_id") != CLIENT_ID:
            return 401, {"error": "invalid_client"}
        if fields["grant_type"] == "authorization_code":
            challenge = self._codes.pop(fields["code"], None)
            digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
            if challenge is None or fields["redirect_uri"] != REDIRECT:
                return 400, {"error": "invalid_grant", "error_description": f"the code {fields['code']} is not known"}
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
                return 400, {"error": "invalid_grant", "error_description": "the verifier does not fit"}
            self.is_revoked = False
        elif self.is_revoked:
            return 400, {"error": "invalid_grant", "error_description": "the grant was revoked"}
        elif fields["refresh_token"] in self.used:
            self.reused += 1
            self.is_revoked = True
            self.live.clear()
            return 400, {"error": "invalid_grant", "error_description": "the refresh token was used before"}
        elif fields["refresh_token"] != self.refresh_token:
            return 400, {"error": "invalid_grant", "error_description": "the refresh token is not known"}
        else:
            self.used.add(fields["refresh_token"])
            self.live.clear()
        access, refresh = self._issue()
        return 200, {"token_type": "Bearer", "access_token": access, "refresh_token": refresh, "expires_in": self.lifetime}

    # The API.

    def serve(self, upstream, api_keys=(), refuses_in_stream=False):
        """The upstream takes live access tokens and these API keys. Anything else it answers with 401, or with a stream
        whose first event says the same."""
        def answer(received):
            bearer = (received.header("authorization") or "").removeprefix("Bearer ")
            is_good = bearer in self.live and received.header("x-api-key") is None or received.header("x-api-key") in api_keys
            if not is_good and refuses_in_stream:
                return replies.stream([replies.event("error", {
                    "type": "error", "error": {"type": "authentication_error", "message": "invalid credential"}})])
            if not is_good:
                return replies.error(401, "authentication_error", "invalid credential")
            return replies.plain(200, replies.message())
        upstream.answer(answer)
