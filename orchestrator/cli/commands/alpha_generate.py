"""`stack alpha generate`: print the file of the containers named, whoever made them and whichever projects they are of."""

from __future__ import annotations

import json
import os
import re

from orchestrator.cli.declare import arguments, text
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import NotFound
from orchestrator.model.observed import ObservedState, Scope
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    containers: tuple[str, ...] = arguments("CONTAINER...", "Names or ids of containers.", required=True)
    format: str = text("--format", metavar="HOW", default="yaml", choices=("yaml", "json"), help="yaml or json.")
    name: str = text("--name", metavar="NAME", help="The name of the stack (default: that of the containers' project).")
    project_dir: str = text("--project-dir", metavar="DIR", help="The folder that the stack is named after otherwise.")


def run(context: Context, options: Options) -> int:
    from orchestrator.spec.reconstruct import reconstruct

    chosen = _chosen(context, options.containers)
    found = reconstruct(_observed(context, chosen, _name(options, chosen)))
    for note in found.notes:
        context.say(safe.one_line(f"note: {note}"))
    if options.format == "json":
        context.show(json.dumps(found.model, indent=2, sort_keys=True, ensure_ascii=False).replace("$", "$$") + "\n")
    else:
        context.show(found.text)
    return 0


def _chosen(context: Context, wanted: tuple[str, ...]) -> list[Listed]:
    listed = context.engine.console.containers()
    found = {name: next((one for one in listed if name in (one.name, one.id, one.id[:12])), None) for name in wanted}
    missing = [name for name, one in found.items() if one is None]
    if missing:
        raise NotFound(
            f"no container(s) found with the following name(s): {', '.join(missing)}", hint="`docker ps -a` lists them"
        )
    return [one for one in found.values() if one is not None]


def _name(options: Options, chosen: list[Listed]) -> str:
    """The one asked for, else that of the project, else that of the folder."""
    projects = {one.stack for one in chosen}
    name = options.name or (projects.pop() if len(projects) == 1 else "")
    name = name or os.path.basename(os.path.abspath(options.project_dir or os.curdir))
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-") or "stack"


def _observed(context: Context, chosen: list[Listed], name: str) -> ObservedState:
    """What the engine says of these containers, as if they were one stack's."""
    networks = frozenset(network for one in chosen for network in one.networks)
    volumes = frozenset(mount for one in chosen for mount in one.mounts if "/" not in mount)
    ids = {one.id for one in chosen}
    states = []
    for project in sorted({one.stack for one in chosen}):
        handmade = {one.name: _service(one.name) for one in chosen if not project and not one.stack}
        scope = Scope(stack=project or name, adopts=handmade, networks=networks, volumes=volumes)
        states.append(context.engine.engine.observe(scope))
    return replace(
        states[0],
        stack=name,
        containers=tuple(one for state in states for one in state.containers if one.id in ids),
        networks=tuple({one.id: one for state in states for one in state.networks}.values()),
        volumes=tuple({one.name: one for state in states for one in state.volumes}.values()),
    )


def _service(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in name)
