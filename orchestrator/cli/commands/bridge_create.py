"""`stack bridge transformations create`: the templates of a transformation image, and a Dockerfile to make another."""

from __future__ import annotations

import os

from orchestrator.cli import bridging
from orchestrator.cli.declare import argument, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    path: str = argument("PATH", "The folder to make.")
    source: str = text(
        "-f",
        "--from",
        metavar="IMAGE",
        default="docker/compose-bridge-kubernetes",
        help="Take its templates to begin with.",
    )


def run(context: Context, options: Options) -> int:
    folder = os.path.abspath(options.path)
    if os.path.lexists(folder):
        raise UsageError(f"{options.path} is there already", hint="name a folder that is not")
    os.makedirs(folder)
    try:
        context.engine.operations.templates(options.source, os.path.join(folder, "templates"))
    except BaseException:
        os.rmdir(folder)
        raise
    bridging.write(os.path.join(folder, "Dockerfile"), bridging.DOCKERFILE)
    context.say(f"{options.path} made; change its templates and build it with `docker build {options.path}`")
    return 0
