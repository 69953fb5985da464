"""Tokens for the API: scoped, expiring, and kept only as hashes.

A token is shown once, when it is made. ``read`` may look; ``deploy:STACK`` may also change that stack; ``admin`` may do everything.
The file holds SHA-256 digests, which for 256 random bits are as good as any slower hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable

from orchestrator.errors import StackError, UsageError
from orchestrator.records import dataclass

DEFAULT_DAYS = 90
_SCOPE = re.compile(r"read|admin|deploy:[a-z0-9][a-z0-9_-]*")
_PREFIX = "stk_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token: never the token itself. ``expires`` counts seconds since 1970."""

    name: str
    scopes: tuple[str, ...]
    expires: float
    digest: str
    created: float = 0.0

    def may(self, action: str, stack: str = "") -> bool:
        """Whether it permits to ``read``, to ``deploy`` a stack, or to ``admin``."""
        if "admin" in self.scopes:
            return True
        if action == "read":
            return True
        return action == "deploy" and bool(stack) and f"deploy:{stack}" in self.scopes


LOCAL = Token(name="local", scopes=("admin",), expires=float("inf"), digest="")


class Tokens:
    """The tokens of this host, in a file that only its owner can read."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, "tokens.json")

    def create(self, name: str, scopes: Iterable[str], *, now: float, days: float = DEFAULT_DAYS) -> str:
        """A new token, returned this once. Raises UsageError for a name that exists or a scope that does not."""
        wanted = tuple(scopes) or ("read",)
        for scope in wanted:
            if not _SCOPE.fullmatch(scope):
                raise UsageError(f"there is no scope {scope!r}", hint="read, deploy:STACK or admin")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
            raise UsageError(f"{name!r} is no name for a token", hint="letters, digits, _ . -")
        known = self.all()
        if any(token.name == name for token in known):
            raise UsageError(f"there is a token {name!r} already", hint="revoke it first, or choose another name")
        text = _PREFIX + secrets.token_urlsafe(32)
        token = Token(name=name, scopes=wanted, expires=now + days * 86_400, digest=_digest(text), created=now)
        self._write([*known, token])
        return text

    def revoke(self, name: str) -> None:
        known = self.all()
        left = [token for token in known if token.name != name]
        if len(left) == len(known):
            raise UsageError(f"there is no token {name!r}", hint="`stack daemon token ls` lists them")
        self._write(left)

    def all(self) -> list[Token]:
        try:
            with open(self._path, encoding="utf-8") as file:
                entries = json.load(file)
            return [Token(**{**entry, "scopes": tuple(entry["scopes"])}) for entry in entries]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise StackError(
                f"the file of tokens cannot be used: {problem}", reference="tokens", hint=f"look at {self._path}"
            ) from problem

    def find(self, text: str, now: float) -> Token | None:
        """The token that ``text`` is; every one is compared, so that time tells nothing."""
        digest, found = _digest(text), None
        for token in self.all():
            if hmac.compare_digest(token.digest, digest) and token.expires > now:
                found = token
        return found

    def _write(self, tokens: list[Token]) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        draft = f"{self._path}.{os.getpid()}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([_plain(token) for token in tokens], file, indent=1)
        os.replace(draft, self._path)


def _plain(token: Token) -> dict[str, object]:
    return {
        "name": token.name,
        "scopes": list(token.scopes),
        "expires": token.expires,
        "digest": token.digest,
        "created": token.created,
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
