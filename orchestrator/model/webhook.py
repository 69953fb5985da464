"""The secrets of webhooks: what a line of text in an operator's file stands for, and how long it has to be."""

from __future__ import annotations

import base64
import binascii

LEAST = 32  # bytes
_PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: behind ``whsec_`` it is written in base64. A broken one stands for itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            pass
    return secret.encode()


def is_long_enough(secret: str) -> bool:
    return len(key_of(secret)) >= LEAST
