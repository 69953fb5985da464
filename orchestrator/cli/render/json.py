"""Progress as one JSON object a line, with Compose's keys, for programs that watch a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from orchestrator.cli.render import words
from orchestrator.cli.render.board import Status
from orchestrator.events import Event, Noted, StepEnded, StepProgress, StepStarted
from orchestrator.model.plan import Level, Outcome

Record = dict[str, object]

_LEVELS = {Level.INFO: Status.DONE, Level.WARNING: Status.WARNING, Level.ERROR: Status.ERROR}


class JsonLines:
    """Keys: id, parent_id, status, text, details, current, total, percent; empty ones are left out."""

    def __init__(self, write: Callable[[str], None], *, dry_run: bool = False) -> None:
        self._write = write
        self._dry_run = dry_run
        self._lock = threading.Lock()

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def emit(self, event: Event) -> None:
        record = self._record(event)
        if record is None:
            return
        if self._dry_run:
            record = {"dry-run": True, **record}
        line = json.dumps({key: value for key, value in record.items() if value not in ("", 0)}, ensure_ascii=False)
        with self._lock:
            self._write(line + "\n")

    def _record(self, event: Event) -> Record | None:
        match event:
            case StepStarted():
                word = words.of(event.step.action, event.step.group)
                return {"id": word.id, "status": Status.WORKING.value, "text": word.doing}
            case StepProgress():
                return _progress(event)
            case StepEnded():
                return _ended(event)
            case Noted():
                note = event.note
                record: Record = {"status": _LEVELS[note.level].value, "text": note.text, "reference": note.reference}
                return record | {"where": "" if note.where is None else str(note.where)}
            case _:
                return None


def _progress(event: StepProgress) -> Record:
    word = words.of(event.step.action, event.step.group)
    record: Record = {"id": word.id, "status": Status.WORKING.value, "text": event.text or word.doing}
    if event.part:
        record |= {"id": event.part, "parent_id": word.id}
    if event.total:
        record |= {
            "current": event.current,
            "total": event.total,
            "percent": min(100, event.current * 100 // event.total),
        }
    return record


def _ended(event: StepEnded) -> Record | None:
    step, outcome = event.result.step, event.result.outcome
    word = words.of(step.action, step.group)
    if outcome is Outcome.SKIPPED:
        return None
    if outcome is Outcome.FAILED:
        details = event.result.error.message if event.result.error else ""
        return {"id": word.id, "status": Status.ERROR.value, "text": "Error", "details": details}
    return {"id": word.id, "status": Status.DONE.value, "text": word.done}
