"""Progress as plain lines, for pipes and logs: ` Container shop-web-1 Started`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator.cli.render import notes, safe, words
from orchestrator.events import Event, Noted, StepEnded, StepProgress, StepStarted
from orchestrator.model.actions import BuildImage
from orchestrator.model.plan import Outcome


class Plain:
    """One line when something begins and one when it ends; what a build says is passed on line by line."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._lock = threading.Lock()

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def emit(self, event: Event) -> None:
        line = self._line(event)
        if line:
            with self._lock:
                self._write(line + "\n")

    def _line(self, event: Event) -> str:
        match event:
            case StepStarted():
                word = words.of(event.step.action, event.step.group)
                return safe.one_line(f" {word.id} {word.doing}")
            case StepProgress() if event.text and isinstance(event.step.action, BuildImage):
                word = words.of(event.step.action)
                stage = f"{event.part} " if event.part else ""
                return safe.one_line(f" {word.id} {stage}{event.text}")
            case StepEnded():
                return self._ended(event)
            case Noted():
                return notes.line(event.note)
            case _:
                return ""

    def _ended(self, event: StepEnded) -> str:
        step = event.result.step
        word = words.of(step.action, step.group)
        if event.result.outcome is Outcome.DONE:
            output = f"\nwarning: {safe.one_line(event.result.output)}" if event.result.output else ""
            return safe.one_line(f" {word.id} {word.done}") + output
        if event.result.outcome is Outcome.FAILED:
            first = event.result.error.message.partition("\n")[0] if event.result.error else ""
            return safe.one_line(f" {word.id} Error {first}")
        return ""
