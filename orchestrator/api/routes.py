"""The resources of the API: one row each, with what it takes to use it. The OpenAPI document is made from the same rows.

A row names who may: ``open`` (nothing of the host is in it), ``signed`` (the body proves who sent it), ``read``, ``deploy`` (of the
stack in the path) or ``admin``. A path that has no row does not exist. Calls that block run in threads.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from orchestrator.api import metrics, pages, views
from orchestrator.api.control import Control
from orchestrator.api.guard import token_of
from orchestrator.api.webhooks import Webhooks
from orchestrator.controller.status import Happening
from orchestrator.errors import LockHeld, NotFound, SpecError, StackError, UsageError
from orchestrator.version import VERSION

KEEP_ALIVE = 15.0  # seconds after which a silent stream says that it is still there
MOST_LINES = 10_000
LARGEST_BODY = 64 * 1024

Handler = Callable[[Control, Request], Awaitable[Response]]


class Row(NamedTuple):
    method: str
    path: str
    who: str
    summary: str
    handler: Handler


def app(control: Control) -> Starlette:
    """The application, without its guard."""
    made = Starlette(
        routes=[Route(row.path, _endpoint(row, control), methods=[row.method]) for row in ROWS],
        exception_handlers={StackError: _refused, HTTPException: _http_error, Exception: partial(_defect, control)},
    )
    made.state.webhooks = Webhooks(control)
    return made


def _endpoint(row: Row, control: Control) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if row.who not in ("open", "signed"):
            _permit(row.who, request)
        return await row.handler(control, request)

    return endpoint


def _permit(who: str, request: Request) -> None:
    token = token_of(request.scope)
    if token is None:
        raise HTTPException(401, "a token is needed")
    if not token.may(who, request.path_params.get("stack", "")):
        raise HTTPException(403, f"this token does not permit to {who}")


# Looking


async def _health(control: Control, _: Request) -> Response:
    del control
    return PlainTextResponse("ok\n")


async def _ready(control: Control, _: Request) -> Response:
    ready = control.engine_answers
    return PlainTextResponse("ready\n" if ready else "the engine does not answer\n", status_code=200 if ready else 503)


async def _host(control: Control, _: Request) -> Response:
    engine = await run_in_threadpool(lambda: control.engine)
    return JSONResponse(
        {
            "engine": engine,
            "state": control.state,
            "version": VERSION,
            "file": control.host.file,
            "engine_answers": control.engine_answers,
            "waiting": control.waiting,
            "stacks": [views.stack(status, whole=False) for status in control.board.all()],
        }
    )


async def _sources(control: Control, _: Request) -> Response:
    found = await run_in_threadpool(control.sources)
    for one in found:
        one["fetched_at"] = views.moment(one["fetched_at"])
    return JSONResponse({"sources": found})


async def _order_source(control: Control, request: Request, *, verb: str) -> Response:
    await run_in_threadpool(getattr(control, f"{verb}_source"), request.path_params["source"])
    return JSONResponse({"accepted": verb}, status_code=202)


async def _approve(control: Control, request: Request) -> Response:
    commit = request.query_params.get("commit", "")
    agreed = await run_in_threadpool(control.approve, request.path_params["stack"], commit)
    return JSONResponse({"approved": agreed}, status_code=202)


async def _stack(control: Control, request: Request) -> Response:
    status = control.board.of(request.path_params["stack"])
    if status is None:
        raise HTTPException(404, "no such stack on this host")
    return JSONResponse(views.stack(status))


async def _services(control: Control, request: Request) -> Response:
    status = control.board.of(request.path_params["stack"])
    if status is None:
        raise HTTPException(404, "no such stack on this host")
    return JSONResponse({"services": [views.service_of(one) for one in status.services]})


async def _drift(control: Control, request: Request) -> Response:
    status = control.board.of(request.path_params["stack"])
    if status is None:
        raise HTTPException(404, "no such stack on this host")
    return JSONResponse({"drift": [views.drift(one) for one in status.drift]})


async def _plan(control: Control, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(control.plan, request.path_params["stack"]))


async def _graph(control: Control, request: Request) -> Response:
    picture = await run_in_threadpool(control.graph, request.path_params["stack"])
    return Response(picture, media_type="image/svg+xml")


async def _revisions(control: Control, request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(control.revisions, request.path_params["stack"]))


async def _revision(control: Control, request: Request) -> Response:
    number = _number(request.path_params["number"])
    return JSONResponse(await run_in_threadpool(control.revision, request.path_params["stack"], number))


async def _events(control: Control, request: Request) -> Response:
    """Server-sent events; ``Last-Event-ID`` or ``after`` says where to go on, ``follow=false`` gives what there is as JSON."""
    after = _number(request.headers.get("last-event-id") or request.query_params.get("after") or "0")
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
    import json

    return f"id: {told.number}\nevent: {told.kind}\ndata: {json.dumps(views.happening(told))}\n\n"


async def _logs(control: Control, request: Request) -> Response:
    """Lines as text, each behind its container's name; ``tail`` how many, ``follow=true`` those to come as well."""
    query = request.query_params
    tail = min(_number(query.get("tail") or "100"), MOST_LINES)
    follow = query.get("follow") == "true"
    lines = control.logs(request.path_params["stack"], query.get("service", ""), tail, follow=follow)
    return StreamingResponse(_lines(lines), media_type="text/plain; charset=utf-8", headers=_UNCACHED)


def _lines(lines: Iterator[tuple[str, str]]) -> Iterator[str]:
    for name, line in lines:
        yield f"{name} | {line}\n"


async def _metrics(control: Control, request: Request) -> Response:
    return Response(metrics.page(control, request.app.state.webhooks.counts), media_type=metrics.CONTENT_TYPE)


# Changing


async def _order(control: Control, request: Request, *, verb: str) -> Response:
    await run_in_threadpool(getattr(control, verb), request.path_params["stack"])
    return JSONResponse({"accepted": verb}, status_code=202)


async def _body(request: Request) -> dict[str, Any]:
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


async def _intent(control: Control, request: Request) -> Response:
    asked = await _body(request)
    verb, services, engine = asked.get("verb"), asked.get("services"), asked.get("engine")
    named = services is None or (isinstance(services, list) and all(isinstance(one, str) for one in services))
    if verb not in ("stop", "down", "run") or not named or not isinstance(engine, str):
        raise HTTPException(400, "verb (stop, down, run), services (names, or null) and engine (its id) are needed")
    await run_in_threadpool(control.intend, request.path_params["stack"], verb, services, engine)
    return JSONResponse({"accepted": verb}, status_code=202)


async def _reload(control: Control, _: Request) -> Response:
    await run_in_threadpool(control.reload)
    return JSONResponse({"accepted": "reload"}, status_code=202)


async def _stop(control: Control, _: Request) -> Response:
    control.stop()
    return JSONResponse({"accepted": "stop"}, status_code=202)


async def _rollback(control: Control, request: Request) -> Response:
    text = request.query_params.get("revision")
    number = _number(text) if text else None
    return JSONResponse(await run_in_threadpool(control.rollback, request.path_params["stack"], number))


async def _hook(_: Control, request: Request) -> Response:
    answer: Response = await request.app.state.webhooks.take(request)
    return answer


async def _openapi(control: Control, _: Request) -> Response:
    del control
    return JSONResponse(openapi())


_UNCACHED = {"cache-control": "no-store"}

ROWS = (
    Row("GET", "/healthz", "open", "Whether the daemon runs", _health),
    Row("GET", "/readyz", "open", "Whether the engine answers", _ready),
    Row("GET", "/", "open", "The status page", pages.index),
    Row("GET", "/ui/{name}", "open", "What the status page is made of", pages.asset),
    Row("POST", "/hooks/{source}", "signed", "A forge says that a repository has something new", _hook),
    Row("GET", "/metrics", "read", "Figures for Prometheus", _metrics),
    Row("GET", "/v1/openapi.json", "read", "This document", _openapi),
    Row("GET", "/v1/host", "read", "The host and all of its stacks", _host),
    Row("GET", "/v1/sources", "read", "The repositories it follows", _sources),
    Row("GET", "/v1/events", "read", "What happens, as server-sent events", _events),
    Row("GET", "/v1/stacks/{stack}", "read", "One stack with services and drift", _stack),
    Row("GET", "/v1/stacks/{stack}/services", "read", "Its services and their replicas", _services),
    Row("GET", "/v1/stacks/{stack}/drift", "read", "What is not as the file says", _drift),
    Row("GET", "/v1/stacks/{stack}/plan", "read", "What would be changed now", _plan),
    Row("GET", "/v1/stacks/{stack}/graph.svg", "read", "Its dependencies as a picture", _graph),
    Row("GET", "/v1/stacks/{stack}/revisions", "read", "Its history", _revisions),
    Row("GET", "/v1/stacks/{stack}/revisions/{number}", "read", "One revision", _revision),
    Row("GET", "/v1/stacks/{stack}/logs", "read", "What its containers print", _logs),
    Row("POST", "/v1/reload", "admin", "Read the host file again", _reload),
    Row("POST", "/v1/stop", "admin", "End the daemon; everything goes on running", _stop),
    Row("POST", "/v1/sources/{source}/sync", "admin", "Fetch it now", partial(_order_source, verb="sync")),
    Row("POST", "/v1/sources/{source}/suspend", "admin", "Take nothing new", partial(_order_source, verb="suspend")),
    Row(
        "POST", "/v1/sources/{source}/resume", "admin", "Take what is new again", partial(_order_source, verb="resume")
    ),
    Row("POST", "/v1/stacks/{stack}/approve", "deploy", "Agree to the version that waits", _approve),
    Row("POST", "/v1/stacks/{stack}/sync", "deploy", "Look at it again now", partial(_order, verb="sync")),
    Row("POST", "/v1/stacks/{stack}/apply", "deploy", "Bring it about now", partial(_order, verb="apply")),
    Row("POST", "/v1/stacks/{stack}/suspend", "deploy", "Leave it alone", partial(_order, verb="suspend")),
    Row("POST", "/v1/stacks/{stack}/resume", "deploy", "Keep it again", partial(_order, verb="resume")),
    Row("POST", "/v1/stacks/{stack}/intent", "deploy", "What is stopped on purpose, or to run again", _intent),
    Row("POST", "/v1/stacks/{stack}/rollback", "deploy", "Go back to a revision", _rollback),
)


def openapi() -> dict[str, Any]:
    """The OpenAPI document of the API."""
    paths: dict[str, Any] = {}
    for row in ROWS:
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


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise HTTPException(400, f"{text[:40]!r} is no number")
    return int(text)


_STATUS: tuple[tuple[type[StackError], int], ...] = (
    (NotFound, 404),
    (LockHeld, 409),
    (UsageError, 400),
    (SpecError, 422),
)


async def _refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, StackError)
    status = next((code for kind, code in _STATUS if isinstance(problem, kind)), 502)
    error = {"reference": problem.ref, "message": problem.message, "hint": problem.hint}
    error["where"] = str(problem.where or "")
    return JSONResponse({"error": {key: value for key, value in error.items() if value}}, status_code=status)


async def _defect(control: Control, request: Request, problem: Exception) -> Response:
    """What must not happen: told on the board, and to the caller without what is inside."""
    control.board.tell(
        "", "defect", f"{request.url.path}: unexpected {type(problem).__name__}: {problem}", level="error"
    )
    return JSONResponse({"error": {"reference": "defect", "message": "a defect of the daemon"}}, status_code=500)


async def _http_error(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    words = {401: "token-needed", 403: "not-permitted", 404: "not-found", 405: "no-such-method"}
    error = {"reference": words.get(problem.status_code, "bad-request"), "message": str(problem.detail)}
    return JSONResponse({"error": error}, status_code=problem.status_code, headers=problem.headers)
