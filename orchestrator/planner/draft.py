"""A plan in the making: steps and edges are added in any order, and ``finish`` sorts them and gives them small numbers.

Apart from the decisions, so that these may say "this only after that" when they know it, whichever was added first.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from orchestrator.errors import PlanError, Where
from orchestrator.model.actions import Action
from orchestrator.model.plan import Difference, Level, Note, Plan, Step
from orchestrator.records import dataclass, field

Id = int


@dataclass(slots=True)
class _Sketch:
    action: Action
    reason: str
    group: str
    differences: tuple[Difference, ...]
    after: set[Id] = field(default_factory=set)


class Draft:
    """Collects steps and notes. Ids handed out here are not the final ones."""

    def __init__(self) -> None:
        self._steps: list[_Sketch] = []
        self._notes: dict[tuple[Level, str], Note] = {}

    def add(
        self,
        action: Action,
        reason: str = "",
        *,
        after: Iterable[Id | None] = (),
        group: str = "",
        differences: tuple[Difference, ...] = (),
    ) -> Id:
        """A new step; ``None`` in ``after`` stands for something that needs no step."""
        sketch = _Sketch(action, reason, group, differences)
        sketch.after.update(step for step in after if step is not None)
        self._steps.append(sketch)
        return len(self._steps) - 1

    def order(self, step: Id, after: Iterable[Id | None]) -> None:
        """``step`` waits for these as well."""
        self._steps[step].after.update(other for other in after if other is not None and other != step)

    def action(self, step: Id) -> Action:
        return self._steps[step].action

    @property
    def steps(self) -> range:
        """The ids of all steps so far."""
        return range(len(self._steps))

    def behind(self, begin: Iterable[Id]) -> set[Id]:
        """These steps and all that wait for them, directly or through others."""
        later: list[list[Id]] = [[] for _ in self._steps]
        for step, sketch in enumerate(self._steps):
            for other in sketch.after:
                later[other].append(step)
        found: set[Id] = set()
        waiting = list(begin)
        while waiting:
            step = waiting.pop()
            if step not in found:
                found.add(step)
                waiting.extend(later[step])
        return found

    def before(self, steps: Iterable[Id]) -> set[Id]:
        """Steps that some of these wait for directly."""
        return {other for step in steps for other in self._steps[step].after}

    def note(self, level: Level, text: str, *, where: Where | None = None, reference: str = "") -> None:
        self._notes.setdefault((level, text), Note(level=level, text=text, where=where, reference=reference))

    def info(self, text: str, *, where: Where | None = None, reference: str = "") -> None:
        self.note(Level.INFO, text, where=where, reference=reference)

    def warn(self, text: str, *, where: Where | None = None, reference: str = "") -> None:
        self.note(Level.WARNING, text, where=where, reference=reference)

    def error(self, text: str, *, where: Where | None = None, reference: str) -> None:
        self.note(Level.ERROR, text, where=where, reference=reference)

    def is_impossible(self) -> bool:
        """Whether an error was noted: then the plan changes nothing."""
        return any(level is Level.ERROR for level, _ in self._notes)

    def finish(self, stack: str, *, incomplete: bool = False) -> Plan:
        """The plan: every step after those it waits for, otherwise in the order they were added."""
        sequence = self._topological()
        self._drop_implied(sequence)
        numbers = {old: new for new, old in enumerate(sequence, start=1)}
        steps = sorted(
            (
                Step(
                    id=numbers[old],
                    action=sketch.action,
                    reason=sketch.reason,
                    after=tuple(sorted(numbers[other] for other in sketch.after)),
                    group=sketch.group,
                    differences=sketch.differences,
                )
                for old, sketch in enumerate(self._steps)
            ),
            key=lambda step: step.id,
        )
        return Plan(stack=stack, steps=tuple(steps), notes=tuple(self._notes.values()), incomplete=incomplete)

    def notes_only(self, stack: str) -> Plan:
        """The plan that changes nothing, because something makes the wish impossible."""
        return Plan(stack=stack, notes=tuple(self._notes.values()))

    def _drop_implied(self, sequence: list[Id]) -> None:
        """An edge that follows from others only makes a plan hard to read. Sets of steps are bits of a number here."""
        earlier: dict[Id, int] = {}
        for step in sequence:
            after = self._steps[step].after
            implied = 0
            for other in after:
                implied |= earlier[other]
            self._steps[step].after = {other for other in after if not implied >> other & 1}
            earlier[step] = implied | sum(1 << other for other in after)

    def _topological(self) -> list[Id]:
        missing = [len(sketch.after) for sketch in self._steps]
        later: list[list[Id]] = [[] for _ in self._steps]
        for step, sketch in enumerate(self._steps):
            for other in sketch.after:
                later[other].append(step)
        ready = [step for step, count in enumerate(missing) if not count]
        result = []
        while ready:
            step = heapq.heappop(ready)
            result.append(step)
            for other in later[step]:
                missing[other] -= 1
                if not missing[other]:
                    heapq.heappush(ready, other)
        if len(result) < len(self._steps):
            raise PlanError("the steps of this plan wait for each other", hint="this is a defect; please report it")
        return result
