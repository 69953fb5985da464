"""`stack graph`: who depends on whom and how they fare, as text or as a picture; and why a service waits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

from orchestrator import graph
from orchestrator.cli import containers, standing, wishes
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import EngineUnreachable, StackError, UsageError
from orchestrator.graph import pictures
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass

FORMATS = ("text", "dot", "mermaid", "svg", "png", "json")
_ENDINGS = {".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".svg": "svg", ".png": "png", ".json": "json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only these services and what they depend on.")
    explain: str = text("--explain", metavar="SERVICE", help="Say why this service waits, and for whom.")
    format: str = text("--format", metavar="HOW", choices=("", *FORMATS), help=f"{', '.join(FORMATS)}.")
    output: str = text("-o", "--output", metavar="FILE", help="Write to a file; its ending says how.")
    reduced: bool = flag("--reduced", help="Leave out edges that follow from others.")
    state: bool = flag("--state", default=True, help="Ask the engine how services fare.")


def run(context: Context, options: Options) -> int:
    stack = context.load((*options.services, *filter(None, [options.explain])), contents=False)
    if options.explain:
        name = wishes.known(stack, options.explain)
        context.show("".join(f"{safe.one_line(line)}\n" for line in _explained(context, stack, name)))
        return 0
    states = _states(context, stack) if options.state else {}
    how = options.format or _ENDINGS.get(os.path.splitext(options.output)[1], "text")
    drawing = graph.picture(stack, reduced=options.reduced, states=states)
    _put(context, options.output, _draw(drawing, how))
    return 0


def _states(context: Context, stack: Stack) -> Mapping[str, graph.State]:
    """How services fare; without an engine the picture has to do."""
    try:
        return standing.states(stack, containers.of_stack(context, stack.name))
    except EngineUnreachable as problem:
        context.say(safe.one_line(f"warning: drawn without states: {problem.message}"))
        return {}


def _draw(drawing: graph.Picture, how: str) -> bytes:
    if how == "png":
        return _png(pictures.dot(drawing))
    if how == "svg":
        from orchestrator.graph import svg

        return svg.draw(drawing).encode()
    draw = {"dot": pictures.dot, "mermaid": pictures.mermaid, "json": _json}.get(how, pictures.text)
    drawn = draw(drawing)
    return (drawn + "\n").encode() if drawn else b""


def _png(source: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise UsageError(
            "a PNG is drawn by Graphviz, whose program `dot` is not installed",
            hint="install graphviz (apt-get install graphviz), or draw an SVG, which needs nothing: --format svg",
            reference="graphviz-missing",
        )
    done = subprocess.run([program, "-Tpng"], input=source.encode(), capture_output=True, check=False)
    if done.returncode:
        raise StackError(f"dot failed: {done.stderr.decode(errors='replace').strip()}", reference="graphviz-failed")
    return done.stdout


def _put(context: Context, output: str, drawn: bytes) -> None:
    if output in ("", "-"):
        if drawn.startswith(b"\x89PNG"):
            if sys.stdout.isatty():
                raise UsageError("a PNG is not written to a terminal", hint="name a file with -o, or redirect")
            context.out.flush()
            sys.stdout.buffer.write(drawn)
            return
        context.show(drawn.decode())
        return
    try:
        with open(output, "wb") as file:
            file.write(drawn)
    except OSError as problem:
        raise StackError(f"cannot write {output}: {problem.strerror}", reference="cannot-write") from problem


def _json(drawing: graph.Picture) -> str:
    import json

    edges = [
        {"service": edge.source, "depends_on": edge.target, "condition": edge.label, "required": edge.required}
        for edge in drawing.edges
    ]
    states = {name: {"state": state.words, "mood": state.mood.value} for name, state in drawing.states.items()}
    return json.dumps({"services": list(drawing.nodes), "dependencies": edges, "states": states}, indent=2)


def _explained(context: Context, stack: Stack, name: str) -> Iterator[str]:
    """Why the service waits: each dependency, and at the end of the chain what its containers say."""
    found = standing.of_services(containers.of_stack(context, stack.name))
    yield f"{name}: {standing.state(stack.services[name], found.get(name, ())).words}"
    waits = standing.waits(stack.services[name], found, stack)
    for wait in waits:
        optional = "" if wait.required else " (not required)"
        answer = "yes" if wait.holds else "no"
        yield f"  needs {wait.service} {wait.wants}{optional}: {answer}, it is {wait.is_now}"
    path = standing.chain(name, found, stack)
    if len(path) == 1:
        yield f"{name} waits for nobody"
    else:
        yield f"{name} waits for {', which waits for '.join(path[1:])}"
    for container in found.get(path[-1], ()):
        yield from _evidence(context, container)
    if not found.get(path[-1]) and stack.services[path[-1]].replicas:
        yield f"{path[-1]} has no container; `stack up {path[-1]}` makes one"


def _evidence(context: Context, container: Listed) -> Iterator[str]:
    """What the last health check, or the end of the container, said."""
    if standing.word(container) in ("running", "healthy", "completed"):
        return
    raw = context.engine.operations.inspect("container", container.id)["State"]
    checks = (raw.get("Health") or {}).get("Log") or ()
    yield f"  {container.name}: {container.status}"
    if checks:
        said = " ".join(str(checks[-1].get("Output", "")).split())
        yield f"  last health check: exit code {checks[-1].get('ExitCode')}{f': {said[:300]}' if said else ''}"
    if raw.get("Error"):
        yield f"  {raw['Error']}"
