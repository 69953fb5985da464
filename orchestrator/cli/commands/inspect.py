"""`stack inspect`: the engine's own description of a service's containers, or of the stack's other things."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import arguments, flag, number, text
from orchestrator.cli.render import raw
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import NotFound, UsageError
from orchestrator.records import dataclass

KINDS = ("container", "image", "network", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    names: tuple[str, ...] = arguments("[NAME]...", "Services; networks or volumes of the file with such a --type.")
    type: str = text("--type", choices=KINDS, metavar="KIND", default="container", help=f"{', '.join(KINDS)}.")
    index: int | None = number("--index", help="Only the replica of this number.")
    format: str = text("--format", metavar="HOW", default="json", help="json or a Go template.")
    size: bool = flag("-s", "--size", help="Sizes of containers too.")


def run(context: Context, options: Options) -> int:
    context.show(raw.text(_described(context, options), options.format))
    return 0


def _described(context: Context, options: Options) -> Iterable[Any]:
    operations = context.engine.operations
    for name in _wanted(context, options):
        yield operations.inspect(options.type, name, size=options.size)


def _wanted(context: Context, options: Options) -> list[str]:
    """The engine's names of what is to be described."""
    stack = loading.name_of(context)
    if options.type in ("network", "volume"):
        return _named(context.engine.operations.names(options.type, stack), options)
    found = containers.of_services(context, containers.of_stack(context, stack), options.names)
    chosen = [one for one in found if options.index is None or one.slot == options.index]
    _complain(options, chosen)
    if options.type == "image":
        return list(dict.fromkeys(container.image_id for container in chosen))
    return [container.id for container in chosen]


def _complain(options: Options, chosen: list[Listed]) -> None:
    for name in options.names:
        if not any(containers.matches(container.service, (name,)) for container in chosen):
            number = f" #{options.index}" if options.index else ""
            raise NotFound(f'service "{name}"{number} has no container', hint="`stack ps -a` shows what there is")


def _named(known: dict[str, str] | Any, options: Options) -> list[str]:
    """Networks or volumes by the file's names for them, or the engine's."""
    by_name = {**{name: name for name in known.values()}, **known}
    for name in options.names:
        if name not in by_name:
            raise UsageError(f"the stack has no {options.type} {name!r}", hint=f"it has {', '.join(known) or 'none'}")
    return [by_name[name] for name in options.names] or list(known.values())
