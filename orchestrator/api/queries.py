"""What callers send: numbers and JSON, refused where they are none."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

LARGEST_BODY = 64 * 1024


def number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise HTTPException(400, f"{text[:40]!r} is no number")
    return int(text)


async def body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; nobody needs a large one."""
    sent = b""
    async for piece in request.stream():
        sent += piece
        if len(sent) > LARGEST_BODY:
            raise HTTPException(413, "too much")
    try:
        found = json.loads(sent or b"{}")
    except ValueError:
        raise HTTPException(400, "that is no JSON") from None
    if not isinstance(found, dict):
        raise HTTPException(400, "a JSON object is needed")
    return found
