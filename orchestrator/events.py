"""What we tell the user while it happens: events, and the sinks that take them (display, plain lines, JSON, log, API)."""

from __future__ import annotations

from typing import Protocol

from orchestrator.model.plan import Note, Plan, Step, StepResult
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class PlanMade:
    """A pass begins to carry out ``plan``; ``number`` counts passes from 1."""

    plan: Plan
    number: int = 1


@dataclass(frozen=True, slots=True)
class StepStarted:
    step: Step


@dataclass(frozen=True, slots=True)
class StepProgress:
    """``part`` is what moves within the step (a layer, a build stage); sizes in bytes, 0 where unknown."""

    step: Step
    text: str = ""
    part: str = ""
    current: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class StepEnded:
    result: StepResult


@dataclass(frozen=True, slots=True)
class Noted:
    note: Note


Event = PlanMade | StepStarted | StepProgress | StepEnded | Noted


class Sink(Protocol):
    """Takes events, from any thread, and returns quickly; it never raises."""

    def emit(self, event: Event) -> None: ...


class Quiet:
    """A sink that shows nothing."""

    def emit(self, event: Event) -> None:
        del event
