"""`stack cp`: files between here and the containers of a service; ``-`` is a tar on standard input or output."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from orchestrator.cli import containers, copying, loading, streaming
from orchestrator.cli.declare import argument, flag, number
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import NotFound, UsageError
from orchestrator.records import dataclass

PIECE = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    source: str = argument("SERVICE:PATH|PATH|-", "What to copy.")
    target: str = argument("PATH|SERVICE:PATH|-", "Where to.")
    all: bool = flag("--all", help="Also into containers that `run` made.")
    archive: bool = flag("-a", "--archive", help="Keep owners.")
    follow_link: bool = flag("-L", "--follow-link", help="Copy what a link leads to instead of the link.")
    index: int | None = number("--index", help="Only this replica.")


def run(context: Context, options: Options) -> int:
    (from_service, source), (to_service, target) = _parts(options.source), _parts(options.target)
    if from_service and to_service:
        raise UsageError("copying between services is not supported", hint="copy to here first")
    if from_service:
        _out(context, options, from_service, source, target)
    elif to_service:
        _into(context, options, to_service, source, target)
    else:
        raise UsageError("unknown copy direction", hint="name a service on one side: web:/etc/hosts")
    return 0


def _parts(text: str) -> tuple[str, str]:
    """Service and path; no service where the text is a path of this machine."""
    service, colon, path = text.partition(":")
    if not colon or text.startswith((".", "/")) or text == "-":
        return "", text
    return service, path


def _meant(context: Context, options: Options, service: str) -> list[Listed]:
    name = loading.name_of(context)
    everything = containers.of_stack(context, name, oneoff=options.all)
    found = containers.of_services(context, everything, (service,))
    found = sorted(
        (c for c in found if not options.index or c.slot == options.index), key=lambda c: (c.slot, c.created)
    )
    if not found:
        number = f" #{options.index}" if options.index else ""
        raise NotFound(f'no container found for service "{service}"{number}', hint="`stack ps -a` shows what there is")
    return found


def _out(context: Context, options: Options, service: str, source: str, target: str) -> None:
    container = _meant(context, options, service)[0]
    hands = context.engine.hands
    what = f"{container.name}:{source} to {target}"
    if target == "-":
        streaming.refuse_terminal(context, "send it into a pipe or a file")
    if context.shared.dry_run:
        context.report(container.name, f"Would copy {what}")
        return
    context.report(container.name, f"Copying {what}")
    if target == "-":
        streaming.to_output(context, copying.archive(hands, container.id, source, follow=options.follow_link))
    else:
        copying.out(
            hands,
            container.id,
            source,
            target,
            follow=options.follow_link,
            keep_owners=options.archive and os.geteuid() == 0,
            skipped=lambda name, why: context.say(safe.one_line(f"warning: {name} was left out: {why}")),
        )
    context.report(container.name, f"Copied {what}", done=True)


def _into(context: Context, options: Options, service: str, source: str, target: str) -> None:
    found = _meant(context, options, service)
    with tempfile.TemporaryFile() as given:  # standard input can be read once, and there may be several containers
        if source == "-" and not context.shared.dry_run:
            shutil.copyfileobj(sys.stdin.buffer, given, PIECE)
        for container in found:
            _into_one(context, options, container, source, target, given)


def _into_one(
    context: Context, options: Options, container: Listed, source: str, target: str, given: IO[bytes]
) -> None:
    hands = context.engine.hands
    what = f"{source} to {container.name}:{target}"
    if context.shared.dry_run:
        context.report(container.name, f"Would copy {what}")
        return
    context.report(container.name, f"Copying {what}")
    if source == "-":
        given.seek(0)
        hands.put(container.id, target, _pieces(given), keep_owners=options.archive)
    else:
        copying.into(hands, container.id, source, target, follow=options.follow_link, keep_owners=options.archive)
    context.report(container.name, f"Copied {what}", done=True)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
