"""What there is to show of a run: one row per object, kept up to date from events. No clock, no terminal; shared by
displays.

Several steps may be about one object (create, upload, start, wait); they share a row, which is done when the last
of them is.
"""

from __future__ import annotations

from enum import StrEnum

from orchestrator.cli.render import words
from orchestrator.events import Event, Noted, PlanMade, StepEnded, StepProgress, StepStarted
from orchestrator.model.plan import Note, Outcome, Step
from orchestrator.records import dataclass, field


class Status(StrEnum):
    """Compose's words for how a row fares."""

    WORKING = "Working"
    DONE = "Done"
    WARNING = "Warning"
    ERROR = "Error"


@dataclass(slots=True)
class Row:
    """``parts`` are layers of an image (current, total bytes); ``detail`` the last thing said about the row."""

    id: str
    began: float
    text: str = ""
    status: Status = Status.WORKING
    ended: float | None = None
    detail: str = ""
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    under_way: dict[int, str] = field(default_factory=dict)
    left: int = 0
    reached: str = ""  # what stays to be said of the row: the last finished step that is of interest

    def elapsed(self, now: float) -> float:
        return (now if self.ended is None else self.ended) - self.began

    @property
    def received(self) -> tuple[int, int]:
        """Bytes so far and in all, over all parts."""
        return sum(part[0] for part in self.parts.values()), sum(part[1] for part in self.parts.values())


class Board:
    """All rows, in the order they began."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.notes: list[Note] = []
        self._planned: dict[str, int] = {}
        self._earlier = 0  # rows that passes before this one completed

    @property
    def total(self) -> int:
        return max(len(self.rows), len(self._planned))

    @property
    def finished(self) -> int:
        return sum(row.ended is not None for row in self.rows.values())

    @property
    def working(self) -> bool:
        return any(row.under_way for row in self.rows.values())

    def take(self, event: Event, now: float) -> Row | None:
        """Note what happened; returns the row it is about."""
        match event:
            case PlanMade():
                self._plan(event)
            case StepStarted():
                return self._start(event.step, now)
            case StepProgress():
                return self._progress(event)
            case StepEnded():
                return self._end(event, now)
            case Noted():
                self.notes.append(event.note)
        return None

    def _plan(self, event: PlanMade) -> None:
        counts: dict[str, int] = dict.fromkeys(self.rows, 0)
        for step in event.plan.steps:
            row_id = words.of(step.action, step.group).id
            counts[row_id] = counts.get(row_id, 0) + 1
        self._planned = counts
        for row_id, row in self.rows.items():
            row.left = counts[row_id]

    def _start(self, step: Step, now: float) -> Row:
        word = words.of(step.action, step.group)
        row = self.rows.get(word.id)
        if row is None:
            row = self.rows[word.id] = Row(word.id, now, left=self._planned.get(word.id, 1))
        row.under_way[step.id] = word.doing
        row.text, row.ended, row.detail = word.doing, None, ""
        if row.status is not Status.ERROR:
            row.status = Status.WORKING
        return row

    def _progress(self, event: StepProgress) -> Row | None:
        row = self.rows.get(words.of(event.step.action, event.step.group).id)
        if row is None:
            return None
        if event.part and event.total:
            row.parts[event.part] = (event.current, event.total)
        elif event.text:
            row.detail = event.text
        return row

    def _end(self, event: StepEnded, now: float) -> Row | None:
        step, outcome = event.result.step, event.result.outcome
        word = words.of(step.action, step.group)
        row = self.rows.get(word.id)
        if row is None:
            return None  # skipped before anything about the object began
        row.under_way.pop(step.id, None)
        row.left -= 1
        if outcome is Outcome.FAILED:
            row.status, row.text = Status.ERROR, "Error"
            row.detail = event.result.error.message if event.result.error else ""
        elif outcome is Outcome.DONE and row.status is not Status.ERROR:
            row.detail = event.result.output
            row.reached = row.reached if word.passing and row.reached else word.done
            row.text = next(reversed(row.under_way.values()), row.reached if row.left <= 0 else word.done)
        if not row.under_way and (row.left <= 0 or row.status is Status.ERROR):
            row.ended = now
            row.status = Status.DONE if row.status is Status.WORKING else row.status
        return row
