"""From the command line's options to a load request, and what loading has to say to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.wiring import Context
from orchestrator.model.stack import Stack
from orchestrator.spec.load import LoadRequest

if TYPE_CHECKING:
    from collections.abc import Sequence


def request(context: Context, services: Sequence[str] = (), **more: bool) -> LoadRequest:
    """What the options ask for; ``more`` are further fields of the request."""
    shared = context.shared
    return LoadRequest(
        files=shared.files,
        environment=dict(context.environment),
        project_directory=shared.project_directory,
        project_name=shared.project_name,
        env_files=shared.env_files,
        profiles=shared.profiles,
        services=tuple(services),
        all_resources=shared.all_resources,
        stdin=_stdin(shared.files, context),
        **more,
    )


def load(context: Context, services: Sequence[str] = ()) -> Stack:
    """The stack that the files say."""
    from orchestrator.spec.load import load_stack

    return load_stack(request(context, services), key=context.key)


def _stdin(files: Sequence[str], context: Context) -> bytes | None:
    listed = context.environment.get("COMPOSE_FILE", "")
    if "-" not in (files or listed.split(context.environment.get("COMPOSE_PATH_SEPARATOR") or ":")):
        return None
    import sys

    return sys.stdin.buffer.read()
