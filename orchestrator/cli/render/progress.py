"""Which display a run gets: live on a terminal, plain lines elsewhere, JSON or none when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

from orchestrator.errors import UsageError
from orchestrator.events import Quiet, Sink

MODES = ("auto", "tty", "plain", "json", "quiet", "none")
WHEN = ("auto", "never", "always")


def mode(asked: str, ansi: str, stream: TextIO, environment: Mapping[str, str]) -> str:
    """tty, plain, json or quiet. Contradictions between ``--progress`` and ``--ansi`` are refused, as Compose does."""
    wanted = asked or environment.get("COMPOSE_PROGRESS", "") or "auto"
    if wanted not in MODES:
        raise UsageError(f"COMPOSE_PROGRESS is {wanted!r}", hint=f"one of {', '.join(MODES)}")
    if wanted == "tty" and ansi == "never":
        raise UsageError("--progress tty needs what --ansi never forbids", hint="leave one of them out")
    if wanted == "plain" and ansi == "always":
        raise UsageError("--progress plain forbids what --ansi always asks for", hint="leave one of them out")
    if wanted == "auto":
        live = ansi != "never" and stream.isatty() and environment.get("TERM") != "dumb"
        return "tty" if live else "plain"
    return "quiet" if wanted == "none" else wanted


def ansi(asked: str, environment: Mapping[str, str]) -> str:
    """When to colour: auto, never or always."""
    wanted = asked or environment.get("COMPOSE_ANSI", "") or "auto"
    if wanted not in WHEN:
        raise UsageError(f"COMPOSE_ANSI is {wanted!r}", hint=f"one of {', '.join(WHEN)}")
    return wanted


def colours(ansi_mode: str, stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether ``stream`` gets colours."""
    if ansi_mode != "auto":
        return ansi_mode == "always"
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def display(
    chosen: str, title: str, stream: TextIO, *, colour: bool, mask: Callable[[str], str], dry_run: bool = False
) -> AbstractContextManager[Sink]:
    """The sink for one run, as a context manager."""

    def write(text: str) -> None:
        try:
            stream.write(mask(text))
            stream.flush()
        except OSError:
            pass  # a sink never raises: the run matters more than its display

    if chosen == "tty":
        from orchestrator.cli.render.frame import Style
        from orchestrator.cli.render.tty import Live

        unicode = (getattr(stream, "encoding", "") or "").lower().replace("-", "") == "utf8"
        return Live(stream, title, Style(colour=colour, unicode=unicode), mask=mask)
    if chosen == "json":
        from orchestrator.cli.render.json import JsonLines

        return JsonLines(write, dry_run=dry_run)
    if chosen == "plain":
        from orchestrator.cli.render.plain import Plain

        return Plain(write)
    return nullcontext(Quiet())


__all__ = ["ansi", "colours", "display", "mode"]
