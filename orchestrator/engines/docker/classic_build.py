"""The engine's own builder: one call with the context as its body, for machines without BuildKit's client.

It knows less than BuildKit. What it cannot do is listed in one table and refused, all of it at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import auth, build_context, config, images
from orchestrator.engines.docker.build_request import LAST_LINES, BuildRequest, Output, Progress, failed
from orchestrator.engines.docker.client import Client
from orchestrator.errors import EngineError, EngineUnreachable, Interrupted
from orchestrator.model.stack import Build, is_remote

_COLOURS = ("\x1b[91m", "\x1b[0m")  # what the engine paints stderr with, asked or not
_OFF = ("", "false", "0")

_BEYOND: tuple[tuple[str, Callable[[Build], bool]], ...] = (
    ("secrets", lambda build: bool(build.secrets)),
    ("SSH keys", lambda build: bool(build.ssh)),
    ("additional_contexts", lambda build: bool(build.additional_contexts)),
    ("cache_to", lambda build: bool(build.cache_to)),
    ("cache_from (other than image names)", lambda build: any("=" in source for source in build.cache_from)),
    ("no_cache_filter", lambda build: bool(build.no_cache_filter)),
    ("entitlements", lambda build: bool(build.entitlements)),
    ("privileged mode", lambda build: build.privileged),
    ("provenance", lambda build: build.provenance.lower() not in _OFF),
    ("sbom", lambda build: build.sbom.lower() not in _OFF),
    ("multi-arch build", lambda build: len(build.platforms) > 1),
)


def build(client: Client, request: BuildRequest, output: Output, progress: Progress, cancel: CancelToken) -> None:
    refuse_what_is_beyond(request)
    dockerfile = build_context.dockerfile_for_engine(request.build)
    remote = is_remote(request.build.context)
    body = None if remote else build_context.pack(request.build.context, dockerfile)
    if remote and dockerfile.content is not None:
        raise EngineError(
            f"building {request.reference}: dockerfile_inline with a context from elsewhere needs BuildKit",
            hint="install the docker-buildx plugin",
            reference="builder-cannot",
        )
    said: list[str] = []
    try:
        with client.stream(
            "POST",
            "/build",
            query(client, request, dockerfile.name),
            body,
            headers=auth.for_build(client.environment).headers,
            timeout=None,
        ) as stream:
            unsubscribe = cancel.subscribe(stream.close)
            try:
                _listen(stream.json(), said, output, progress)
            finally:
                unsubscribe()
    except EngineUnreachable:
        raise
    except EngineError as problem:
        raise failed(request, problem.message, said) from problem
    if cancel.is_set():
        raise Interrupted(f"building {request.reference} was interrupted", signal_number=cancel.signal_number or 2)


def refuse_what_is_beyond(request: BuildRequest) -> None:
    wanted = [name for name, asks in _BEYOND if asks(request.build)]
    wanted += ["a builder of its own"] if request.builder else []
    if wanted:
        raise EngineError(
            f"the classic builder doesn't support {', '.join(wanted)}, set DOCKER_BUILDKIT=1 to use BuildKit",
            hint=f"{request.reference} needs the docker-buildx plugin",
            reference="builder-cannot",
        )


def query(client: Client, request: BuildRequest, dockerfile: str) -> dict[str, object]:
    build = request.build
    given = {name: value for name, value in build.args.items() if value is not None}
    proxies = config.proxies(client.environment, str(client.endpoint))
    return {
        "dockerfile": dockerfile,
        "t": list(request.tags),
        "buildargs": json.dumps({**proxies, **given}),
        "labels": json.dumps(request.all_labels),
        "target": build.target or None,
        "nocache": build.no_cache or None,
        "pull": build.pull or None,
        "networkmode": build.network or None,
        "extrahosts": [host_entry(one) for one in build.extra_hosts] or None,
        "platform": build.platforms[0] if build.platforms else None,
        "cachefrom": json.dumps(build.cache_from) if build.cache_from else None,
        "shmsize": build.shm_size,
        "memory": request.memory or None,
        "ulimits": _ulimits(build),
        "isolation": build.isolation or None,
        "remote": build.context if is_remote(build.context) else None,
        "rm": True,
        "forcerm": True,
        "version": "1",
    }


def host_entry(text: str) -> str:
    """``name=address`` or ``name:address`` as the ``name:address`` that both builders take."""
    name, separator, address = text.partition("=")
    if not separator:
        name, _, address = text.partition(":")
    return f"{name}:{address.removeprefix('[').removesuffix(']')}"


def _ulimits(build: Build) -> str | None:
    if not build.ulimits:
        return None
    return json.dumps([{"Name": name, "Soft": one.soft, "Hard": one.hard} for name, one in build.ulimits.items()])


def _listen(messages: Iterator[Any], said: list[str], output: Output, progress: Progress) -> None:
    for message in messages:
        for line in _lines(message):
            said.append(line)
            del said[:-LAST_LINES]
            output(line)
            progress(line, "", 0, 0)
        if "stream" not in message:
            images.report(message, progress)


def _lines(message: Any) -> list[str]:
    text = str(message.get("stream") or "") if isinstance(message, dict) else ""
    for colour in _COLOURS:
        text = text.replace(colour, "")
    return [line for line in text.splitlines() if line.strip()]
