"""An OpenID Connect provider on loopback, with keys of its own, that can be made to lie."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from tests.eventually import eventually

CLIENT_ID, CLIENT_SECRET = "viral-gateway", "the-secret-of-the-gateway"
Claims = dict[str, Any]


@dataclass
class IdentityProvider:
    """Says of everybody who comes that they are Ada. `lie` changes claims, `sign` how they are signed."""

    url: str = ""
    person: Claims = field(default_factory=lambda: {"email": "Ada@example.org", "email_verified": True})
    lie: Claims = field(default_factory=dict)
    alg: str = "RS256"
    issuer: str | None = None
    sign: Callable[[Claims], str] | None = None

    def __post_init__(self) -> None:
        self.keys: dict[str, RSAKey | ECKey] = {
            "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
            "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
        }
        self._codes: dict[str, dict[str, str]] = {}

    def sign_honestly(self, claims: Claims) -> str:
        key = self.keys[self.alg]
        return jwt.encode({"alg": self.alg, "kid": key.kid}, claims, key, algorithms=[self.alg])

    def sign_by_another_key(self, claims: Claims) -> str:
        return jwt.encode(
            {"alg": "RS256", "kid": "rsa"}, claims, RSAKey.generate_key(2048), algorithms=["RS256"]
        )

    def sign_by_the_clients_secret(self, claims: Claims) -> str:
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])

    def leave_unsigned(self, claims: Claims) -> str:
        header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=")
        body = jwt.encode({"alg": "RS256"}, claims, self.keys["RS256"], algorithms=["RS256"]).split(".")[1]
        return f"{header.decode()}.{body}."

    def authorize(self, location: str) -> str:
        """As a browser that is sent there; returns the gateway's path to come back to."""
        reply = httpx.get(location, trust_env=False)
        assert reply.status_code == 302, reply.text
        back = urlsplit(reply.headers["location"])
        return f"{back.path}?{back.query}"

    def build(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._describe),
                Route("/jwks", self._publish_keys),
                Route("/authorize", self._authorize),
                Route("/token", self._answer_code, methods=["POST"]),
            ]
        )

    async def _describe(self, _: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": self.issuer or self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                # A careless one offers them all.
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            }
        )

    async def _publish_keys(self, _: Request) -> JSONResponse:
        return JSONResponse(KeySet(list(self.keys.values())).as_dict(private=False))

    async def _authorize(self, request: Request) -> RedirectResponse:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        return RedirectResponse(
            f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302
        )

    async def _answer_code(self, request: Request) -> JSONResponse:
        sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        wanted = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        assert request.headers["authorization"] == wanted
        asked = self._codes[sent["code"]]  # kept: a careless one takes a code twice
        digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert sent["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "4711",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        claims |= self.person | self.lie
        claims = {name: value for name, value in claims.items() if value is not None}
        token = (self.sign or self.sign_honestly)(claims)
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": token})


@contextmanager
def run_identity_provider() -> Iterator[IdentityProvider]:
    """Listen on a free port until the end."""
    provider = IdentityProvider()
    server = uvicorn.Server(uvicorn.Config(provider.build(), port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        provider.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
