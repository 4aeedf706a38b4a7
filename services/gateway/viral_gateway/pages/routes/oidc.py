"""Answer GET /sign-in/provider and /sign-in/callback: people sign in at an OpenID Connect provider."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import structlog
from authlib.integrations.starlette_client import OAuth
from cachetools import TTLCache
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from viral_common.errors import summarise_error

from viral_gateway.middleware.access import Access
from viral_gateway.pages.routes.sign_in import choose_target, render_sign_in
from viral_gateway.settings import GatewaySettings

log = structlog.get_logger()

# What a browser holds between leaving for the provider and coming back.
FLOW_COOKIE = "viral_sign_in"
FLOW_S = 600
# Of a provider's keys, those that only it can sign with.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
# How far the provider's clock and ours may be apart.
LEEWAY_S = 10
TIMEOUT_S = 10
REFUSED = "The provider's answer could not be used; try again. The gateway's log says why."
AWAY = "The provider does not answer; try again, or sign in with a key."


def build_router(settings: GatewaySettings, access: Access) -> APIRouter:
    """Build the two addresses."""
    provider = Provider(settings, access)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/sign-in/provider", provider.start, methods=["GET"])
    router.add_api_route("/sign-in/callback", provider.finish, methods=["GET"])
    return router


class Provider:
    """Send people to the provider (code flow with PKCE, state and nonce), and let in those whom it knows by a role."""

    def __init__(self, settings: GatewaySettings, access: Access) -> None:
        self._issuer, self._groups_claim = settings.oidc_issuer or "", settings.oidc_groups_claim
        self._access = access
        self._client = OAuth().register(
            "provider",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret and settings.oidc_client_secret.get_secret_value(),
            server_metadata_url=f"{self._issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "timeout": TIMEOUT_S,
            },
        )
        # The cookie could be sent again with its state; the provider's code is good for one time, too.
        self._used: TTLCache[str, bool] = TTLCache(10_000, FLOW_S)
        self._audience = {"essential": True, "value": settings.oidc_client_id}

    async def start(self, request: Request) -> Response:
        """Send the person to the provider."""
        flow: dict[str, Any] = {}
        request.scope["session"] = flow
        try:
            await self._load_metadata()
            reply: Response = await self._client.authorize_redirect(
                request, f"{request.base_url}sign-in/callback"
            )
        except Exception as error:  # noqa: BLE001  (whatever a provider may answer)
            return self._refuse(request, error)
        content = {"flow": flow, "next": choose_target(request.query_params.get("next", "/"))}
        self._access.set_cookie(reply, request, content, FLOW_COOKIE, FLOW_S, "/sign-in")
        return reply

    async def finish(self, request: Request) -> Response:
        """Take the person back, check who the provider says they are, and let them in if they have a role."""
        content = self._access.read_cookie(request.cookies.get(FLOW_COOKIE, ""), FLOW_S)
        state = request.query_params.get("state", "")
        request.scope["session"] = {} if state in self._used else content.get("flow", {})
        try:
            await self._load_metadata()
            claims = await self._read_claims(request, state)
        except Exception as error:  # noqa: BLE001  (whatever a provider or a caller may send, nobody comes in by it)
            return self._refuse(request, error)
        name, identities = self._identify(claims)
        known_as = self._access.choose_role(identities)
        if known_as is None:
            log.warning("person without a role", person=name)
            return render_sign_in(
                request, 403, f"{name} has no role here: VIRAL_OIDC_ROLES names who has one.", "/"
            )
        log.info("signed in", caller=name, known_as=known_as)
        reply = RedirectResponse(content["next"], 303)
        self._access.set_cookie(reply, request, {"person": name, "known_as": known_as})
        reply.delete_cookie(FLOW_COOKIE, path="/sign-in")
        return reply

    async def _load_metadata(self) -> None:
        """Read once what the provider says of itself; what would let another speak for it is left out."""
        metadata = await self._client.load_server_metadata()
        if metadata.get("issuer") != self._issuer:
            raise ValueError(
                f"the provider calls itself {metadata.get('issuer')}, VIRAL_OIDC_ISSUER {self._issuer}"
            )
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [one for one in offered if one in ALGORITHMS]

    async def _read_claims(self, request: Request, state: str) -> dict[str, Any]:
        options = {"iss": {"essential": True, "value": self._issuer}, "aud": self._audience}
        try:
            token = await self._client.authorize_access_token(
                request, claims_options=options, leeway=LEEWAY_S
            )
        finally:
            self._used[state] = True
        return dict(token["userinfo"])

    def _identify(self, claims: dict[str, Any]) -> tuple[str, list[str]]:
        """Find a name for the logs, and what roles are given to: an address that the provider verified, and groups."""
        email = str(claims.get("email", "")).lower() if claims.get("email_verified") is True else ""
        listed = claims.get(self._groups_claim)
        groups = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        name = re.sub(r"[^A-Za-z0-9._@+-]", "?", email or str(claims["sub"]))[:64]
        return name, [email, *(one for one in groups if "@" not in one)]

    def _refuse(self, request: Request, error: Exception) -> Response:
        log.warning("sign-in refused", reason=summarise_error(error))
        self._client.server_metadata.clear()  # it may have new keys, or may have been set right
        away = isinstance(error, httpx2.HTTPError)
        reply = render_sign_in(request, 503 if away else 401, AWAY if away else REFUSED, "/")
        reply.delete_cookie(FLOW_COOKIE, path="/sign-in")
        return reply
