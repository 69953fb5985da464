"""What a row of the API says, and the OpenAPI document that is made from all of them. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from orchestrator.api.control import Control
from orchestrator.version import VERSION

Handler = Callable[[Control, Request], Awaitable[Response]]


class Row(NamedTuple):
    method: str
    path: str
    who: str
    summary: str
    handler: Handler


def document(rows: Iterable[Row]) -> dict[str, Any]:
    """The OpenAPI document; the rows of other paths than ``/v1/`` are not in it."""
    paths: dict[str, Any] = {}
    for row in rows:
        if row.path.startswith("/v1/"):
            names = [part[1:-1] for part in row.path.split("/") if part.startswith("{")]
            paths.setdefault(row.path, {})[row.method.lower()] = {
                "summary": row.summary,
                "description": f"Needs the scope `{row.who}`.",
                "parameters": [
                    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
                ],
                "security": [{"bearer": []}],
                "responses": {
                    "202" if row.method == "POST" else "200": {"description": "Done"},
                    "401": {"description": "A token is needed"},
                    "403": {"description": "This token does not permit it"},
                    "404": {"description": "No such stack"},
                },
            }
    return {
        "openapi": "3.1.0",
        "info": {"title": "stack daemon", "version": VERSION},
        "paths": paths,
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }
