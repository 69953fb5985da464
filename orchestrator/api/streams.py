"""Answers that go on while something happens: the events of the board, and what containers print."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from orchestrator.api import queries, views
from orchestrator.api.control import Control
from orchestrator.controller.status import Happening

KEEP_ALIVE = 15.0  # seconds after which a silent stream says that it is still there
MOST_LINES = 10_000

_UNCACHED = {"cache-control": "no-store"}


async def events(control: Control, request: Request) -> Response:
    """Server-sent events; ``Last-Event-ID`` or ``after`` says where to go on, ``follow=false`` gives what there is as JSON."""
    after = queries.number(request.headers.get("last-event-id") or request.query_params.get("after") or "0")
    stack = request.query_params.get("stack", "")
    if request.query_params.get("follow") == "false":
        return JSONResponse({"events": [views.happening(one) for one in control.board.happenings(after, stack)]})
    return StreamingResponse(_happenings(control, after, stack), media_type="text/event-stream", headers=_UNCACHED)


async def _happenings(control: Control, after: int, stack: str) -> AsyncIterator[str]:
    loop, news = asyncio.get_running_loop(), asyncio.Queue[Happening](maxsize=1_000)

    def put(one: Happening) -> None:
        if not news.full():  # a reader this slow asks again from its last number
            news.put_nowait(one)

    def tell(one: Happening) -> None:
        loop.call_soon_threadsafe(put, one)

    end = control.board.listen(tell)
    try:
        last = after
        for known in control.board.happenings(after, stack):
            last = known.number
            yield _event(known)
        while True:
            try:
                told = await asyncio.wait_for(news.get(), KEEP_ALIVE)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if told.number > last and stack in ("", told.stack):
                last = told.number
                yield _event(told)
    finally:
        end()


def _event(told: Happening) -> str:
    return f"id: {told.number}\nevent: {told.kind}\ndata: {json.dumps(views.happening(told))}\n\n"


async def logs(control: Control, request: Request) -> Response:
    """Lines as text, each behind its container's name; ``tail`` how many, ``follow=true`` those to come as well."""
    query = request.query_params
    tail = min(queries.number(query.get("tail") or "100"), MOST_LINES)
    follow = query.get("follow") == "true"
    lines = control.logs(request.path_params["stack"], query.get("service", ""), tail, follow=follow)
    return StreamingResponse(_lines(lines), media_type="text/plain; charset=utf-8", headers=_UNCACHED)


def _lines(lines: Iterator[tuple[str, str]]) -> Iterator[str]:
    for name, line in lines:
        yield f"{name} | {line}\n"
