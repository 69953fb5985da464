"""A plan: steps that form a DAG, notes for the reader, and what became of each step once applied."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from orchestrator.errors import StackError, Where
from orchestrator.model.actions import Action, mutates
from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs. ``before`` and ``after`` are for people, secrets already masked; "" means absent."""

    path: str  # environment.LOG_LEVEL
    before: str
    after: str
    in_place: bool = False

    @property
    def words(self) -> str:
        """What changes, without how."""
        return f"{self.path}: {self.before or '(none)'} -> {self.after or '(none)'}"

    def __str__(self) -> str:
        return self.words + " (in place)" if self.in_place else self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action, why, and the ids of the steps that must be done before it.

    ``group`` ties the steps of one decision together for people: ``replace web.2``. ``differences`` are the fields behind it.
    """

    id: int
    action: Action
    reason: str = ""
    after: tuple[int, ...] = ()
    group: str = ""
    differences: tuple[Difference, ...] = ()


class Level(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something the reader of a plan must know. An ERROR note means that the plan does not reach the desired state."""

    level: Level
    text: str
    where: Where | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``incomplete``: what follows can only be planned once these steps are done (an image is being pulled or built)."""

    stack: str
    steps: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()
    incomplete: bool = False

    @property
    def mutations(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if mutates(step.action))

    @property
    def empty(self) -> bool:
        """Nothing to change (waits may remain)."""
        return not self.mutations


class Outcome(StrEnum):
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one step; ``error`` is why it failed, ``output`` what the reader needs of it.

    ``began`` is when it began, in seconds on a clock of which only differences mean anything, ``seconds`` how long it took.
    """

    step: Step
    outcome: Outcome
    error: StackError | None = None
    began: float = 0.0
    seconds: float = 0.0
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    plan: Plan
    results: Mapping[int, StepResult] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(result.outcome is Outcome.DONE for result in self.results.values())

    @property
    def failures(self) -> tuple[StepResult, ...]:
        return tuple(result for result in self.results.values() if result.outcome is Outcome.FAILED)
