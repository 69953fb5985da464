"""Building an image: what is asked, which builder can do it, and the result.

A ``BuildRequest`` goes in; lines of output, progress and at last the image's id come out. BuildKit through the
``buildx`` plugin is preferred; where it is not installed, or ``DOCKER_BUILDKIT=0`` says so, the engine's own builder
does it, and what that one cannot do is refused by name rather than left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import build_context, buildx, classic_build, images
from orchestrator.engines.docker.build_request import BuildRequest, Output, Progress
from orchestrator.engines.docker.client import Client
from orchestrator.engines.gate import BUILD, Request
from orchestrator.errors import EngineError

__all__ = ["BuildRequest", "Output", "Progress", "build"]


def build(
    client: Client,
    request: BuildRequest,
    *,
    output: Output | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> str:
    """The id of the image that now bears ``request.reference``. Raises EngineError with the last lines of a failure."""
    client.admit(Request(BUILD, "/build", body=request.described()))
    build_context.check(request.build)
    tell, show, token = output or _nothing, progress or _nothing, cancel or CancelToken()
    plugin = chosen_plugin(client.environment)
    if plugin and not _dropped_by_old_buildkit(client, request):
        if request.memory:
            show("BuildKit has no limit for the memory of a build: --memory is ignored", "", 0, 0)
        buildx.build(client, plugin, request, tell, show, token)
    else:
        classic_build.build(client, request, tell, show, token)
    if request.export:
        return ""
    found = images.inspect(client, request.reference)
    if found is None and len(request.build.platforms) > 1:
        return ""  # a builder of its own has it; only an engine with containerd's image store can hold it
    if found is None:
        raise EngineError(
            f"the build of {request.reference} ended well, but the engine has no such image",
            hint="a builder that keeps its results to itself may be chosen; `docker buildx use default` goes back",
        )
    return str(found["Id"])


def check(client: Client, request: BuildRequest) -> tuple[bool, str]:
    """Whether the Dockerfile is as BuildKit likes it, and what it says. Nothing is built."""
    build_context.check(request.build)
    plugin = chosen_plugin(client.environment)
    if not plugin:
        raise EngineError(
            "checking a Dockerfile needs BuildKit", hint="install the docker-buildx plugin", reference="builder-cannot"
        )
    return buildx.check(client, plugin, request)


def chosen_plugin(environment: Mapping[str, str]) -> str:
    """The path of the buildx program; empty where the engine's own builder is to be used."""
    wish = environment.get("DOCKER_BUILDKIT", "")
    if wish.lower() in ("0", "f", "false"):
        return ""
    plugin = buildx.find(environment)
    if not plugin and wish:
        raise EngineError(
            "DOCKER_BUILDKIT asks for BuildKit, but the buildx plugin is not installed",
            hint="install docker-buildx, or unset DOCKER_BUILDKIT to use the engine's own builder",
            reference="no-buildx",
        )
    return plugin


def _dropped_by_old_buildkit(client: Client, request: BuildRequest) -> bool:
    """Before API 1.42 the engine's BuildKit took no limits, without a word; that engine's older builder does."""
    chosen = request.builder or client.environment.get("BUILDX_BUILDER", "default")
    limited = request.build.shm_size is not None or bool(request.build.ulimits)
    return limited and chosen == "default" and client.api_version < (1, 42)


def _nothing(*_: object) -> None:
    pass
