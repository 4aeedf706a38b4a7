"""Answer GET and POST /sign-in and POST /sign-out: a key becomes a session of the browser."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from viral_gateway.keys_file import make_digest
from viral_gateway.middleware.access import SESSION_COOKIE, Access
from viral_gateway.middleware.api_keys import CROSS_SITE, is_cross_site, refuse_wrong_key
from viral_gateway.pages.routes.form import FORMS
from viral_gateway.pages.templates import templates

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)

# A path of this gateway: neither another host's (`//` or `/\`) nor anything that browsers would change.
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
WRONG_KEY = "That is no key of this gateway, or one that is over."


@router.api_route("/sign-in", methods=["GET", "POST"])
async def serve_sign_in(request: Request) -> Response:
    """Show the form, or take it."""
    return await sign_in(request) if request.method == "POST" else render_sign_in(request, 200, "")


async def sign_in(request: Request) -> Response:
    """Let in who sent a right key, and go on to the page that was asked for."""
    _refuse_cross_site(request)
    if not request.headers.get("content-type", "").lower().startswith(FORMS):
        raise HTTPException(
            415, "This address takes the form of /sign-in; programs send their key as a header."
        )
    access: Access = request.app.state.access
    fields = await request.form(max_fields=2, max_files=0)
    key = str(fields.get("key", "")).strip()
    digest = make_digest(key)
    caller = access.find_by_key(digest)
    if caller is None:
        wrong = refuse_wrong_key(access, request.scope, key.encode())
        return wrong or render_sign_in(request, 401, WRONG_KEY, str(fields.get("next", "")))
    log.info("signed in", caller=caller.name, role=caller.role)
    reply = RedirectResponse(choose_target(str(fields.get("next", ""))), 303)
    access.set_cookie(reply, request, {"key": digest.hex()})
    return reply


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Have this browser forget its session."""
    _refuse_cross_site(request)
    reply = RedirectResponse("/sign-in", 303)
    reply.delete_cookie(SESSION_COOKIE)
    return reply


def render_sign_in(request: Request, status: int, reason: str, target: str | None = None) -> Response:
    """Render the form, in place of a page that asks for a session; afterwards that page is shown."""
    if target is None:
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        target = request.query_params.get("next", "/") if request.url.path == "/sign-in" else asked
    issuer = request.app.state.gateway.settings.oidc_issuer
    context = {
        "reason": reason,
        "target": choose_target(target),
        "provider": urlsplit(issuer).hostname if issuer else None,
    }
    return templates.TemplateResponse(request, "sign_in.html", context, status, {"Cache-Control": "no-store"})


def choose_target(asked: str) -> str:
    """Choose where to go after signing in: a path of this gateway, else its first page."""
    return asked if _OWN_PATH.fullmatch(asked) else "/"


def _refuse_cross_site(request: Request) -> None:
    """Raise HTTPException 403 for a form of another site: it would sign a person in as somebody else."""
    if is_cross_site(request.scope):
        raise HTTPException(403, CROSS_SITE)
