"""The one door: every request passes here before any route sees it, and none is let through for lack of a rule.

Who comes over the Unix socket has its file's permission and counts as the operator. Everyone else shows a token. Requests for other
host names (DNS rebinding) and changes asked for by other pages (cross-site requests) are refused, tries with wrong tokens are
counted, and every answer carries the headers that keep a browser from doing harm.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from orchestrator.api.tokens import LOCAL, Token, Tokens

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset(
    ("/healthz", "/readyz", "/", "/ui/page.js", "/ui/page.css", "/ui/icon.svg")
)  # nothing of the host in them
SIGNED = "/hooks/"  # deliveries below it prove themselves by their signature, whoever's name they ask for
TRIES_PER_MINUTE = 10
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Guard:
    """ASGI middleware. ``hosts`` are the names under which a TCP listener may be asked for; ``local``: it is a Unix socket."""

    def __init__(
        self,
        app: App,
        tokens: Tokens,
        *,
        hosts: frozenset[str] = frozenset(),
        local: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app, self._tokens, self._hosts, self._local, self._now = app, tokens, hosts, local, now
        self._wrong: dict[str, deque[float]] = defaultdict(deque)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answer = self._refusal(scope)
        if scope["type"] != "http":
            await _close(send)  # there is no WebSocket here
            return
        await (answer or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        if scope["type"] != "http":
            return None
        connection = HTTPConnection(scope)
        if self._local:
            scope["state"] = {**scope.get("state", {}), "token": LOCAL}
            return None
        if scope["method"] == "POST" and scope["path"].startswith(SIGNED):
            return None
        if _host(connection.headers.get("host", "")) not in self._hosts:
            return _error(403, "wrong-host", "this name is not served here")
        if scope["method"] not in ("GET", "HEAD") and not self._is_own_page(connection):
            return _error(403, "wrong-origin", "changes can only be asked for by the page itself")
        if scope["path"] in OPEN:
            return None
        token = self._token(connection)
        if token is None:
            return _error(401, "token-needed", "a token is needed: Authorization: Bearer ...")
        if isinstance(token, Response):
            return token
        scope["state"] = {**scope.get("state", {}), "token": token}
        return None

    def _is_own_page(self, connection: HTTPConnection) -> bool:
        """Programs send no Origin; browsers always do, and theirs must be ours."""
        origin = connection.headers.get("origin")
        if origin is None:
            return True
        return origin.partition("://")[2] == connection.headers.get("host", "")

    def _token(self, connection: HTTPConnection) -> Token | Response | None:
        scheme, _, text = connection.headers.get("authorization", "").partition(" ")
        given = text.strip() if scheme.lower() == "bearer" else ""
        if not given:
            return None
        caller = connection.client.host if connection.client else ""
        wrong, now = self._wrong[caller], self._now()
        while wrong and now - wrong[0] > 60:
            wrong.popleft()
        if len(wrong) >= TRIES_PER_MINUTE:
            return _error(429, "too-many-tries", "too many wrong tokens; wait a minute")
        found = self._tokens.find(given, now)
        if found is None:
            wrong.append(now)
            if len(self._wrong) > 10_000:
                self._wrong.clear()
        return found


def token_of(scope: Scope) -> Token | None:
    """Who asks, once the guard has let the request through."""
    found = scope.get("state", {}).get("token")
    return found if isinstance(found, Token) else None


def _host(header: str) -> str:
    name = header.rpartition(":")[0] if not header.endswith("]") and ":" in header else header
    return name.strip("[]").lower()


def _error(status: int, reference: str, message: str) -> Response:
    return JSONResponse({"error": {"reference": reference, "message": message}}, status_code=status)


async def _close(send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sending
