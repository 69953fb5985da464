"""The resources of the API: one row each, with what it takes to use it. The OpenAPI document is made from them too.

A row names who may: ``open`` (nothing of the host is in it), ``signed`` (the body proves who sent it), ``read``, ``deploy`` (of the
stack in the path) or ``admin``. A path that has no row does not exist. Calls that block run in threads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from orchestrator.api import metrics, openapi, pages, queries, refusals, streams, views
from orchestrator.api.control import Control
from orchestrator.api.guard import token_of
from orchestrator.api.openapi import Row
from orchestrator.api.webhooks import Webhooks
from orchestrator.errors import StackError
from orchestrator.version import VERSION


def app(control: Control) -> Starlette:
    """The application, without its guard."""
    made = Starlette(
        routes=[Route(row.path, _endpoint(row, control), methods=[row.method]) for row in ROWS],
        exception_handlers={
            StackError: refusals.refused,
            HTTPException: refusals.http_error,
            Exception: partial(refusals.defect, control),
        },
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


async def _plan_source(control: Control, request: Request) -> Response:
    """``ref`` is a branch, a tag or a commit, without it the reference that is followed; ``format`` json or markdown."""
    ref, how = request.query_params.get("ref", ""), request.query_params.get("format", "json")
    if how not in ("json", "markdown"):
        raise HTTPException(400, "format is json or markdown")
    found = await run_in_threadpool(control.plan_source, request.path_params["source"], ref)
    if how == "json":
        return JSONResponse(found)
    return Response(control.comment(found), media_type="text/markdown")


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
    number = queries.number(request.path_params["number"])
    return JSONResponse(await run_in_threadpool(control.revision, request.path_params["stack"], number))


async def _metrics(control: Control, request: Request) -> Response:
    return Response(metrics.page(control, request.app.state.webhooks.counts), media_type=metrics.CONTENT_TYPE)


# Changing


async def _order(control: Control, request: Request, *, verb: str) -> Response:
    await run_in_threadpool(getattr(control, verb), request.path_params["stack"])
    return JSONResponse({"accepted": verb}, status_code=202)


async def _intent(control: Control, request: Request) -> Response:
    asked = await queries.body(request)
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
    number = queries.number(text) if text else None
    return JSONResponse(await run_in_threadpool(control.rollback, request.path_params["stack"], number))


async def _hook(_: Control, request: Request) -> Response:
    answer: Response = await request.app.state.webhooks.take(request)
    return answer


async def _openapi(control: Control, _: Request) -> Response:
    del control
    return JSONResponse(openapi.document(ROWS))


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
    Row("GET", "/v1/sources/{source}/plan", "read", "What another commit of it would change", _plan_source),
    Row("GET", "/v1/events", "read", "What happens, as server-sent events", streams.events),
    Row("GET", "/v1/stacks/{stack}", "read", "One stack with services and drift", _stack),
    Row("GET", "/v1/stacks/{stack}/services", "read", "Its services and their replicas", _services),
    Row("GET", "/v1/stacks/{stack}/drift", "read", "What is not as the file says", _drift),
    Row("GET", "/v1/stacks/{stack}/plan", "read", "What would be changed now", _plan),
    Row("GET", "/v1/stacks/{stack}/graph.svg", "read", "Its dependencies as a picture", _graph),
    Row("GET", "/v1/stacks/{stack}/revisions", "read", "Its history", _revisions),
    Row("GET", "/v1/stacks/{stack}/revisions/{number}", "read", "One revision", _revision),
    Row("GET", "/v1/stacks/{stack}/logs", "read", "What its containers print", streams.logs),
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
