"""The status page and what it is made of: files of this package, none of them with anything of the host in it."""

from __future__ import annotations

import os

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.api.control import Control

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ui")
_TYPES = {
    "page.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


async def index(control: Control, _: Request) -> Response:
    del control
    return _file("index.html", "text/html; charset=utf-8")


async def asset(control: Control, request: Request) -> Response:
    del control
    name = request.path_params["name"]
    if name not in _TYPES:
        raise HTTPException(404, "no such file")
    return _file(name, _TYPES[name])


def _file(name: str, kind: str) -> Response:
    with open(os.path.join(_FOLDER, name), "rb") as file:
        return Response(file.read(), media_type=kind, headers={"cache-control": "no-cache"})
