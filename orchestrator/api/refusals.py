"""Errors as answers: a status code and JSON with the error's reference, what happened, where, and what to do.

A defect is told on the board, and to the caller without what is inside.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from orchestrator.api.control import Control
from orchestrator.errors import LockHeld, NotFound, SpecError, StackError, StoppedOnPurpose, UsageError

_STATUS: tuple[tuple[type[StackError], int], ...] = (
    (NotFound, 404),
    (LockHeld, 409),
    (StoppedOnPurpose, 409),
    (UsageError, 400),
    (SpecError, 422),
)


async def refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, StackError)
    status = next((code for kind, code in _STATUS if isinstance(problem, kind)), 502)
    error = {"reference": problem.ref, "message": problem.message, "hint": problem.hint}
    error["where"] = str(problem.where or "")
    return JSONResponse({"error": {key: value for key, value in error.items() if value}}, status_code=status)


async def defect(control: Control, request: Request, problem: Exception) -> Response:
    """What must not happen."""
    control.board.tell(
        "", "defect", f"{request.url.path}: unexpected {type(problem).__name__}: {problem}", level="error"
    )
    return JSONResponse({"error": {"reference": "defect", "message": "a defect of the daemon"}}, status_code=500)


async def http_error(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    words = {401: "token-needed", 403: "not-permitted", 404: "not-found", 405: "no-such-method"}
    error = {"reference": words.get(problem.status_code, "bad-request"), "message": str(problem.detail)}
    return JSONResponse({"error": error}, status_code=problem.status_code, headers=problem.headers)
