"""A secret in a store elsewhere, by name: ``store://vault/kv/data/shop#password``.

The spec names store, path and key; only the operator says what a store of that name is. The text stands for the secret where files
stand for others, so it goes the same ways.
"""

from __future__ import annotations

import re

from orchestrator.records import dataclass

SCHEME = "store://"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PATH = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*){0,19}"
)  # no step begins with a dot or a dash
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Stored:
    """``key`` is which entry of what lies at ``path``; "" where there is one value alone."""

    store: str
    path: str
    key: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.store}/{self.path}" + (f"#{self.key}" if self.key else "")


def stored(text: str) -> Stored:
    """The reverse of ``str``."""
    path, _, key = text.removeprefix(SCHEME).partition("#")
    store, _, path = path.partition("/")
    return Stored(store, path, key)
