"""The desired state, from the options: what the files say, as a ``Stack``, and their warnings on the way."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli import loading
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.model.stack import Stack
from orchestrator.spec import limits, platforms, store
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical, stack_of


def load(context: Context, services: Sequence[str] = (), *, contents: bool = True, consistency: bool = True) -> Stack:
    """The stack that the files say; without ``contents`` of its configs and secrets where they do not matter."""
    request = loading.request(context, services, consistency=consistency)
    canonical, stack = loading.decrypted(context, request, lambda now: _loaded(context, now, contents=contents))
    for warning in canonical.warnings:
        where = f"{warning.where}: " if str(warning.where) else ""
        context.say(safe.one_line(f"warning: {where}{warning.text}"))
    context.variables = canonical.environment
    context.canonical = canonical
    return platforms.settled(stack, canonical.environment.get(platforms.VARIABLE, ""))


def _loaded(context: Context, request: LoadRequest, *, contents: bool) -> tuple[Canonical, Stack]:
    canonical = load_canonical(request)
    compatible = context.shared.compatibility or context.switch("COMPOSE_COMPATIBILITY")
    return canonical, stack_of(
        canonical,
        key=context.key if contents else b"",
        separator="_" if compatible else "-",
        bounds=limits.from_environment(context.environment),
        read_contents=contents,
        store_folder=context.environment.get(store.VARIABLE, ""),
        disk=request.disk,
    )
