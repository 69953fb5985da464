"""Webhooks: a forge says that a repository has something new, and proves by a secret that it is the forge.

A delivery pokes one source that the operator configured, and does nothing else: not a word of its body is read but to compute the
signature over it, so it cannot choose what is fetched. Without a secret there is no webhook. Everything that is not right gets the
same answer, for sources that exist and for those that do not.

Understood are GitHub, Gitea and Forgejo, Bitbucket (HMAC-SHA-256 over the body), GitLab (its token, which the body is not bound
to; or its signatures) and Standard Webhooks (the body with its time, which may differ from ours by five minutes).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestrator.api.control import Control
from orchestrator.model.webhook import key_of
from orchestrator.records import dataclass

LARGEST = 1024 * 1024  # bytes of a body
SECONDS = 10.0  # for sending it
MOST_AT_ONCE, MOST_OF_ONE = 32, 8  # deliveries being read, in all and of one address
SKEW = 300.0
REMEMBERED, REMEMBERED_SECONDS = 10_000, 86_400.0
BURST, PAUSE = 5, 10.0  # fetches at once; then one in so many seconds
QUIET = 60.0  # seconds between two warnings about refused deliveries


def proven(headers: Mapping[str, str], body: bytes, keys: Iterable[str], now: float) -> bool:
    """Whether one of ``keys`` signed this delivery. Every key is tried, so that time tells nothing.

    ``headers`` have lower-case names. ``now`` counts seconds since 1970.
    """
    good = [_is_signed(headers, body, key, now) for key in keys]
    return any(good)


def is_signed_at_all(headers: Mapping[str, str]) -> bool:
    """Whether there is anything to check; if not, the body need not be read."""
    return any(name in headers for name in ("webhook-signature", *_PREFIXED, *_PLAIN, _GITLAB))


_PREFIXED = ("x-hub-signature-256", "x-hub-signature")  # GitHub; Bitbucket, where GitHub has its old SHA-1
_PLAIN = ("x-gitea-signature", "x-forgejo-signature", "x-gogs-signature")
_GITLAB = "x-gitlab-token"


def _is_signed(headers: Mapping[str, str], body: bytes, key: str, now: float) -> bool:
    """The strongest proof that was given counts alone: a bad signature is not made good by another header."""
    if "webhook-signature" in headers:
        return _is_standard(headers, body, key, now)
    digest = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    for name in _PREFIXED:
        if name in headers:
            return _same(headers[name], f"sha256={digest}")
    for name in _PLAIN:
        if name in headers:
            return _same(headers[name], digest)
    return _GITLAB in headers and _same(headers[_GITLAB], key)


def _is_standard(headers: Mapping[str, str], body: bytes, key: str, now: float) -> bool:
    """https://www.standardwebhooks.com: ``id.time.body``; several signatures may stand beside each other."""
    sent = headers.get("webhook-timestamp", "")
    if not (sent.isascii() and sent.isdecimal() and len(sent) < 16) or abs(now - int(sent)) > SKEW:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    digest = hmac.new(key_of(key), signed, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    good = [_same(given, wanted) for given in headers["webhook-signature"].split(" ")[:8]]
    return any(good)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


@dataclass(slots=True)
class _Allowance:
    """How many fetches a source has left, as of a moment; ``due``: one more is to come when it may."""

    left: float
    since: float
    due: bool = False


class Webhooks:
    """Takes deliveries in. ``clock`` counts seconds since 1970."""

    def __init__(self, control: Control, clock: Callable[[], float] = time.time) -> None:
        self._control, self._clock = control, clock
        self._nobody = secrets.token_hex(32)  # is compared for sources that have no webhook
        self._lock = threading.Lock()
        self._reading: Counter[str] = Counter()
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._allowances: dict[str, _Allowance] = {}
        self._warned = 0.0
        self.counts: Counter[str] = Counter()  # deliveries by what became of them

    async def take(self, request: Request) -> Response:
        """A delivery for the source in the path."""
        source = request.path_params["source"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not is_signed_at_all(headers) or headers.get("content-encoding", "identity") != "identity":
            return self._refused(source)
        with self._place(request.client.host if request.client else ""):
            body = await self._body(request)
        keys = self._control.webhook_keys(source)
        if not proven(headers, body, keys or (self._nobody,), self._clock()) or not keys:
            return self._refused(source)
        if not self._is_new(source, headers, body):
            return self._answer("repeated")
        self._poke(source)
        return self._answer("accepted")

    def _answer(self, outcome: str) -> Response:
        self._count(outcome)
        return JSONResponse({outcome: "webhook"}, status_code=202)

    def _count(self, outcome: str) -> None:
        with self._lock:
            self.counts[outcome] += 1

    def _refused(self, source: str) -> Response:
        self._count("refused")
        now = self._clock()
        if now - self._warned > QUIET:
            self._warned = now
            known = f"for source {source}" if self._control.webhook_keys(source) else "for a source without one"
            self._control.board.tell("", "webhook-refused", f"a webhook {known} was refused", level="warning")
        return JSONResponse({"error": {"reference": "refused", "message": "refused"}}, status_code=401)

    @contextmanager
    def _place(self, address: str) -> Iterator[None]:
        """One of the few places for deliveries that are being read."""
        with self._lock:
            if self._reading.total() >= MOST_AT_ONCE or self._reading[address] >= MOST_OF_ONE:
                self.counts["refused"] += 1
                raise HTTPException(503, "too many deliveries at once")
            self._reading[address] += 1
        try:
            yield
        finally:
            with self._lock:
                self._reading[address] -= 1
                if not self._reading[address]:
                    del self._reading[address]

    async def _body(self, request: Request) -> bytes:
        """The raw bytes; no more of them than are allowed, and in time."""
        if int(request.headers.get("content-length") or 0) > LARGEST:
            self._count("refused")
            raise HTTPException(413, "too much", headers={"connection": "close"})
        pieces, size = [], 0
        try:
            async with asyncio.timeout(SECONDS):
                async for piece in request.stream():
                    size += len(piece)
                    if size > LARGEST:
                        self._count("refused")
                        raise HTTPException(413, "too much", headers={"connection": "close"})
                    pieces.append(piece)
        except TimeoutError:
            self._count("refused")
            raise HTTPException(408, "too slow", headers={"connection": "close"}) from None
        return b"".join(pieces)

    def _is_new(self, source: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether this was not delivered before: told by what a signature covers, not by an id, which anybody can change."""
        identity = headers.get("webhook-id", "") if "webhook-signature" in headers else ""
        digest = hashlib.sha256(f"{source}\0{identity}\0".encode() + body).digest()
        now = self._clock()
        with self._lock:
            while self._seen and now - next(iter(self._seen.values())) > REMEMBERED_SECONDS:
                self._seen.popitem(last=False)
            if digest in self._seen:
                return False
            self._seen[digest] = now
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return True

    def _poke(self, source: str) -> None:
        """Fetch at once as long as that is not too often; else as soon as it is not, once for all that came meanwhile."""
        now = self._clock()
        with self._lock:
            allowance = self._allowances.setdefault(source, _Allowance(left=BURST, since=now))
            allowance.left = min(BURST, allowance.left + max(0.0, now - allowance.since) / PAUSE)
            allowance.since = now
            if allowance.left >= 1:
                allowance.left -= 1
            elif allowance.due:
                return
            else:
                allowance.due = True
                asyncio.get_running_loop().call_later((1 - allowance.left) * PAUSE, self._poke_later, source)
                return
        self._control.poke(source)

    def _poke_later(self, source: str) -> None:
        with self._lock:
            self._allowances[source].due = False
        self._poke(source)
