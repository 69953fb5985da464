"""`stack adopt`: write the file of what runs without one: a Compose project whose file is gone, or containers made by hand."""

from __future__ import annotations

import os

from orchestrator.cli import desired
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.errors import NotFound, StackError, UsageError
from orchestrator.model.observed import ObservedState, Scope
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    containers: tuple[str, ...] = arguments("[CONTAINER]...", "Containers made by hand; none for a project's own.")
    output: str = text("-o", "--output", metavar="FILE", default="app.yml", help="The file to write; - for none.")
    force: bool = flag("--force", help="Write over a file that is there.")


def run(context: Context, options: Options) -> int:
    from orchestrator.spec.reconstruct import reconstruct

    name = _name(context)
    _vacant(options)
    observed = context.engine.engine.observe(_scope(context, name, options.containers))
    if not any(container.service for container in observed.containers):
        raise NotFound(
            f'there is no container of a project "{name}"',
            hint="`stack ls -a` lists projects; containers made by hand are named: stack adopt -p NAME CONTAINER...",
        )
    found = reconstruct(observed)
    for note in found.notes:
        context.say(safe.one_line(f"note: {note}"))
    if options.output == "-":
        context.show(found.text)
        return 0
    _write(options.output, found.text)
    context.show(f"{options.output}\n")
    context.say(safe.harmless(_outlook(context, name, options.output)))
    return 0


def _name(context: Context) -> str:
    from orchestrator.spec import names

    name = names.chosen(context.shared.project_name, context.environment)
    if not name:
        raise UsageError("the stack needs a name", hint="give it with -p: that of the project, or a new one")
    return name


def _vacant(options: Options) -> None:
    if options.output != "-" and os.path.lexists(options.output) and not options.force:
        raise UsageError(f"{options.output} is there already", hint="name another file with -o, or add --force")


def _scope(context: Context, name: str, containers: tuple[str, ...]) -> Scope:
    """The project's own things, and the containers named: each becomes a service called like it."""
    listed = context.engine.console.containers()
    chosen: dict[str, str] = {}
    for wanted in containers:
        found = next((one for one in listed if wanted in (one.name, one.id, one.id[:12])), None)
        if found is None:
            raise NotFound(f"no such container: {wanted}", hint="`docker ps -a` lists them")
        if found.stack and found.stack != name:
            raise UsageError(
                f'container "{wanted}" belongs to the project "{found.stack}"',
                hint=f"adopt that: stack adopt -p {found.stack}",
            )
        chosen[found.name] = _service(found.name)
    own = [one for one in listed if one.name in chosen or one.stack == name]
    networks = frozenset(network for one in own for network in one.networks)
    volumes = frozenset(mount for one in own for mount in one.mounts if "/" not in mount)
    return Scope(stack=name, adopts=chosen, networks=networks, volumes=volumes)


def _service(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in name)


def _write(path: str, text: str) -> None:
    """Values of the environment stand in it, so only its owner reads it until somebody decides otherwise."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise StackError(f"cannot write {path}: {problem.strerror}", reference="cannot-write") from problem


def _outlook(context: Context, name: str, path: str) -> str:
    """What the first `up` with the new file would do; looked up, not promised."""
    from orchestrator.controller.reconcile import preview
    from orchestrator.planner.policy import Policy

    context.shared = replace(context.shared, files=(path,), project_name=name)
    plan, observed = preview(desired.load(context), context.engine.engine, Policy())
    command = f"stack up -d -f {path}"
    if plan.empty:
        return f"`{command}` would change nothing: it takes over what runs as it is"
    groups = dict.fromkeys(step.group for step in plan.steps if step.group)
    lines = [f"`{command}` would do this first:", *(f"  {group}" for group in groups)]
    if _handmade(observed):
        lines.append("containers made by hand are replaced once: an engine cannot label a container that is there")
    return "\n".join([*lines, f"`stack plan -f {path}` says why"])


def _handmade(observed: ObservedState) -> bool:
    return any(container.adopted for container in observed.containers)
