"""age: files encrypted to recipients, binary or armored. Done by pyrage; this is its only door beside ``keys``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from orchestrator.secrets.errors import LibraryMissing

_STANZA = re.compile(rb"(?m)^-> (\S+)")


class NotForUs(Exception):
    """None of the identities opens it, or it was changed."""


def decrypt(data: bytes, identities: Sequence[Any]) -> bytes:
    """The plain text of ``data``. Raises NotForUs."""
    try:
        import pyrage
    except ImportError:
        raise LibraryMissing("decrypting with age") from None
    if not identities:
        raise NotForUs
    try:
        plain: bytes = pyrage.decrypt(_binary(data), list(identities))
    except Exception:  # pyrage's own kinds; none of them is to say more than this
        raise NotForUs from None
    return plain


def recipients(data: bytes) -> str:
    """Whom a file is encrypted to, as far as age lets it be seen: kinds, not names."""
    try:
        head = _binary(data).split(b"\n---", 1)[0]
    except ValueError:
        return "nobody that can be read"
    kinds = [kind.decode("ascii", "replace") for kind in _STANZA.findall(head) if not kind.endswith(b"-grease")]
    return ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds)) or "nobody"


def _binary(data: bytes) -> bytes:
    """Without the armor. Raises ValueError."""
    import base64

    text = data.strip()
    if not text.startswith(b"-----BEGIN AGE"):
        return data
    lines = text.splitlines()
    if lines[-1].strip() != b"-----END AGE ENCRYPTED FILE-----":
        raise ValueError("the armor has no end")
    return base64.b64decode(b"".join(line.strip() for line in lines[1:-1]), validate=True)
