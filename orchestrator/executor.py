"""Carry out a plan: run a step when every step in its ``after`` is done, skip it when one failed, let siblings go on.

In: a plan, an engine, the number of workers. Out: an outcome per step, and events while it happens. Nothing is decided here:
what to do about a failure is the controller's business. Waits do not take a worker's place, so that fifty containers may be
waited for while eight calls are under way.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import defaultdict
from queue import Empty, SimpleQueue

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Engine
from orchestrator.errors import Interrupted, StackError
from orchestrator.events import Event, Sink, StepEnded, StepProgress, StepStarted
from orchestrator.model.actions import mutates
from orchestrator.model.plan import ApplyResult, Outcome, Plan, Step, StepResult

GRACE_AFTER_CANCEL = 1.5  # seconds that calls under way get to end before they are abandoned


def apply(plan: Plan, engine: Engine, *, workers: int, sink: Sink, cancel: CancelToken) -> ApplyResult:
    """Carry out ``plan`` with at most ``workers`` mutating calls at once.

    Returns a result for every step. Once ``cancel`` is set no further step is begun; calls under way get a moment to end.
    Raises nothing of its own: errors of steps are in their results.
    """
    return _Run(plan, engine, workers, sink, cancel).result()


class _Run:
    """The state of one apply; everything but the workers' calls happens in the calling thread."""

    def __init__(self, plan: Plan, engine: Engine, workers: int, sink: Sink, cancel: CancelToken) -> None:
        self.plan, self.engine, self.sink, self.cancel = plan, engine, sink, cancel
        self.workers = max(1, workers)
        self.results: dict[int, StepResult] = {}
        self.ended: SimpleQueue[StepResult | None] = SimpleQueue()
        self.calls: SimpleQueue[Step | None] = SimpleQueue()
        self.threads = 0
        self.busy = 0
        self.under_way: dict[int, Step] = {}
        self.steps = {step.id: step for step in plan.steps}
        self.pending = {step.id: len(set(step.after)) for step in plan.steps}
        self.dependents: dict[int, list[int]] = defaultdict(list)
        for step in plan.steps:
            for earlier in set(step.after):
                self.dependents[earlier].append(step.id)
        self.ready: list[tuple[int, int]] = []
        self.urgency = _urgency(plan, self.dependents)

    def result(self) -> ApplyResult:
        unsubscribe = self.cancel.subscribe(lambda: self.ended.put(None))
        try:
            for step_id, count in self.pending.items():
                if not count:
                    self._push(step_id)
            self._begin()
            while self.under_way:
                self._take(self.ended.get())
                self._begin()
            self._skip_rest()
        finally:
            unsubscribe()
            for _ in range(self.threads):
                self.calls.put(None)
        return ApplyResult(plan=self.plan, results=dict(sorted(self.results.items())))

    def _push(self, step_id: int) -> None:
        heapq.heappush(self.ready, (-self.urgency[step_id], step_id))

    def _begin(self) -> None:
        """Hand out every step that may run now."""
        held_back: list[tuple[int, int]] = []
        while self.ready and not self.cancel.is_set():
            entry = heapq.heappop(self.ready)
            step = self.steps[entry[1]]
            if not mutates(step.action):
                self.under_way[step.id] = step
                threading.Thread(target=self._call, args=(step,), daemon=True, name=f"wait-{step.id}").start()
            elif self.busy < self.workers:
                self.under_way[step.id] = step
                self.busy += 1
                self._hand_to_worker(step)
            else:
                held_back.append(entry)
        for entry in held_back:
            heapq.heappush(self.ready, entry)

    def _hand_to_worker(self, step: Step) -> None:
        if self.threads < self.busy:
            self.threads += 1
            threading.Thread(target=self._work, daemon=True, name=f"worker-{self.threads}").start()
        self.calls.put(step)

    def _work(self) -> None:
        while (step := self.calls.get()) is not None:
            self._call(step)

    def _call(self, step: Step) -> None:
        self._emit(StepStarted(step))
        began = time.monotonic()
        outcome, error, output = Outcome.DONE, None, ""
        try:
            output = self.engine.execute(
                step.action,
                progress=lambda text, part, current, total: self._emit(StepProgress(step, text, part, current, total)),
                cancel=self.cancel,
            )
        except StackError as problem:
            outcome, error = Outcome.FAILED, problem
        except Exception as problem:  # a defect of ours must end in an outcome, or the run would wait for ever
            outcome, error = Outcome.FAILED, _defect(problem)
        seconds = time.monotonic() - began
        self.ended.put(StepResult(step=step, outcome=outcome, error=error, began=began, seconds=seconds, output=output))

    def _take(self, result: StepResult | None) -> None:
        """Note the end of a step, or (``None``) that the user wants to stop."""
        if result is None:
            self._abandon_slow_calls()
            return
        step_id = result.step.id
        if self.under_way.pop(step_id, None) is None:
            return
        if mutates(result.step.action):
            self.busy -= 1
        self.results[step_id] = result
        self._emit(StepEnded(result))
        if result.outcome is Outcome.DONE:
            self._release(step_id)
        else:
            self._skip_dependents(step_id)

    def _release(self, step_id: int) -> None:
        for dependent in self.dependents[step_id]:
            self.pending[dependent] -= 1
            if not self.pending[dependent] and dependent not in self.results:
                self._push(dependent)

    def _skip_dependents(self, step_id: int) -> None:
        for dependent in self.dependents[step_id]:
            if dependent not in self.results:
                self._skip(dependent)
                self._skip_dependents(dependent)

    def _skip(self, step_id: int) -> None:
        result = StepResult(step=self.steps[step_id], outcome=Outcome.SKIPPED)
        self.results[step_id] = result
        self._emit(StepEnded(result))

    def _skip_rest(self) -> None:
        for step_id in self.steps:
            if step_id not in self.results:
                self._skip(step_id)

    def _abandon_slow_calls(self) -> None:
        """After a cancel: let the calls under way end for a moment, then go without them."""
        deadline = time.monotonic() + GRACE_AFTER_CANCEL
        while self.under_way and (left := deadline - time.monotonic()) > 0:
            try:
                result = self.ended.get(timeout=left)
            except Empty:
                break
            if result is not None:
                self._take(result)
        for step in list(self.under_way.values()):
            error = Interrupted("given up while under way", signal_number=self.cancel.signal_number or 2)
            self._take(StepResult(step=step, outcome=Outcome.FAILED, error=error))

    def _emit(self, event: Event) -> None:
        self.sink.emit(event)


def _urgency(plan: Plan, dependents: dict[int, list[int]]) -> dict[int, int]:
    """How many steps the longest chain behind each step has: long chains begin first."""
    urgency: dict[int, int] = {}
    for step in plan.steps:
        stack = [step.id]
        while stack:
            current = stack[-1]
            missing = [d for d in dependents.get(current, ()) if d not in urgency]
            if missing:
                stack.extend(missing)
                continue
            urgency[current] = 1 + max((urgency[d] for d in dependents.get(current, ())), default=0)
            stack.pop()
    return urgency


def _defect(problem: Exception) -> StackError:
    import traceback

    where = traceback.extract_tb(problem.__traceback__)[-1]
    error = StackError(
        f"unexpected {type(problem).__name__}: {problem}",
        reference="defect",
        hint=f"this is a defect of stack itself ({where.name}); please report it with the command that showed it",
    )
    error.__cause__ = problem
    return error
