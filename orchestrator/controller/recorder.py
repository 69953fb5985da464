"""Remember a run: listen while it goes on, ask for last words, and write what became of it into the history.

A ``Recorder`` is a sink and wraps the engine. Nothing is loaded or written before a plan with a change in it passes by,
so that a run with nothing to do pays for two looks into a folder. What cannot be written is said and passed over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator import graph
from orchestrator.cancel import CancelToken
from orchestrator.controller.places import path_of, was_cut_short
from orchestrator.controller.witness import Witness
from orchestrator.engines.base import Engine
from orchestrator.errors import EngineError, Interrupted, StackError
from orchestrator.events import Event, Noted, PlanMade, Sink, StepEnded
from orchestrator.model import fingerprint, naming
from orchestrator.model.actions import (
    Action,
    BuildImage,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
    UpdateContainer,
)
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Level, Note, Outcome, Plan, StepResult
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy, RemoveImages
from orchestrator.records import dataclass

if TYPE_CHECKING:
    from orchestrator.controller.history import History, Image, Revision
    from orchestrator.controller.reconcile import Result
    from orchestrator.engines.console import Console
    from orchestrator.spec.load import Canonical

Document = dict[str, Any]
LAST_WORDS = 20  # lines kept of a container that was replaced, or that failed and made room again


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a recorder has to know of its surroundings. ``directory`` and ``key`` are our own on this host."""

    directory: str
    engine_id: str
    environment: Mapping[str, str]
    key: Callable[[], bytes]
    engine: Engine
    console: Callable[[], Console]
    mask: Callable[[str], str]
    say: Callable[[str], object]
    now: Callable[[], float] = time.time


class Recorder:
    """One run of one stack. Give its ``engine`` and itself (as the sink) to ``reconcile``, then call ``close`` once.

    ``origin`` is what is known of where the stack comes from beside its folder: a commit, its repository.
    """

    def __init__(
        self,
        setting: Setting,
        stack: Stack,
        policy: Policy,
        canonical: Canonical | None,
        *,
        command: str,
        sink: Sink,
        returns_to: int | None = None,
        origin: Mapping[str, str] | None = None,
    ) -> None:
        self._came_from = dict(origin or {})
        self._setting, self._stack, self._policy, self._canonical = setting, stack, policy, canonical
        self._command, self._sink, self._returns_to = command, sink, returns_to
        self._passes: list[tuple[Plan, list[StepResult]]] = []
        self._replaced: set[str] = set()
        self._last_words: dict[str, list[str]] = {}
        self._history: History | None = None
        self._number = 0
        self._given_up = False
        self.serving: Revision | None = None  # after a run that failed: what was applied last
        self._began = setting.now()
        self._path = path_of(setting.directory, setting.engine_id, stack.name)

    # While it goes on

    def emit(self, event: Event) -> None:
        if isinstance(event, PlanMade):
            self._planned(event.plan)
        elif isinstance(event, StepEnded):
            self._passes[-1][1].append(event.result)
        self._sink.emit(event)

    @property
    def engine(self) -> Engine:
        """The engine, where containers are asked for their last words before they are removed for others."""
        return Witness(self._setting.engine, self._before)

    def _planned(self, plan: Plan) -> None:
        self._passes.append((plan, []))
        self._replaced |= {
            step.action.container.id
            for step in plan.steps
            if isinstance(step.action, RemoveContainer) and step.group.startswith(("replace", "restore"))
        }
        if not plan.empty and not self._number and not self._given_up:
            self._begin()

    def _before(self, action: Action) -> None:
        if isinstance(action, RemoveContainer) and action.container.id in self._replaced:
            try:
                lines = self._setting.console().last_lines(action.container.id, LAST_WORDS)
            except EngineError:
                return
            self._last_words[action.container.name] = list(lines)

    def _begin(self) -> None:
        def begin(history: History) -> None:
            self._number = history.begin(
                command=self._command, now=self._began, record=self._intention(), returns_to=self._returns_to
            )
            serving = history.serving(whole=False)
            if serving is not None and serving.returns_to is not None and self._brings_the_file_back():
                self._sink.emit(Noted(leaves_rollback(serving)))

        self._write(begin)

    def _brings_the_file_back(self) -> bool:
        return self._returns_to is None and any(service.replicas for service in self._stack.services.values())

    # At its end

    @property
    def number(self) -> int:
        """The number of this run's revision, 0 where there is none."""
        return self._number

    @property
    def moved(self) -> frozenset[str]:
        """Services in which something was changed."""
        return frozenset(
            one.step.action.container.service
            for _, done in self._passes
            for one in done
            if one.outcome is Outcome.DONE and isinstance(one.step.action, _MOVES)
        )

    @property
    def commit(self) -> str:
        """The commit that the stack comes from, "" where it comes from none."""
        return self._came_from.get("commit", "")

    @property
    def wanted_images_alone(self) -> bool:
        """Whether the run came no further than to its images: nothing else was as much as begun."""
        begun = (one for _, done in self._passes for one in done if one.outcome is not Outcome.SKIPPED)
        return all(isinstance(one.step.action, PullImage | BuildImage) for one in begun)

    def close(self, result: Result | None, problem: BaseException | None = None) -> int:
        """Write what became of the run; the number of its revision, 0 where there is none.

        Exactly one of ``result`` and ``problem`` says how it ended. Where nothing was to be done, the stack gets its first
        revision if it has none, and one that a killed run has left behind.
        """
        try:
            if self._number:
                self._write(lambda history: self._end(history, result, problem))
            elif result is not None and result.ok and self._is_unknown():
                self._write(lambda history: self._found(history, result))
            return self._number
        finally:
            if self._history is not None:
                self._history.close()

    def _is_unknown(self) -> bool:
        """Whether the history may not know what is there."""
        if self._canonical is None or self._given_up:
            return False
        return not os.path.exists(self._path) or was_cut_short(self._path)

    def _found(self, history: History, result: Result) -> None:
        """The world is as the file says without a change of ours: the first look at it, or a run before was killed."""
        serving = history.serving()
        if serving is not None and serving.spec == self._spec(history) and serving.images == self._images(result):
            history.settle()
            return
        self._number = history.begin(command=self._command, now=self._began, record=self._origin())
        self._end(history, result, None)

    def _end(self, history: History, result: Result | None, problem: BaseException | None) -> None:
        from orchestrator.controller import run_record
        from orchestrator.controller.history import Revision, RunOutcome

        outcome = RunOutcome.APPLIED if result is not None and result.ok else RunOutcome.FAILED
        if isinstance(problem, Interrupted | KeyboardInterrupt):
            outcome = RunOutcome.INTERRUPTED
        applied = outcome is RunOutcome.APPLIED
        revision = Revision(
            number=self._number,
            began=self._began,
            ended=self._setting.now(),
            outcome=outcome,
            command=self._command,
            summary=self._masked(
                run_record.summary(one for _, done in self._passes for one in done)
                or ("as it was found" if applied else "")
            ),
            returns_to=self._returns_to,
            spec=self._spec(history),
            images=self._images(result) if applied and result is not None else {},
            record=self._record(result, problem),
        )
        history.end(revision)
        self._keep_house(history, applied)

    def _keep_house(self, history: History, applied: bool) -> None:
        """Forget what is too old, and have the engine keep the images of what is not."""
        from orchestrator.controller import kept_images
        from orchestrator.controller.history import Retention, distinct

        retention = Retention.from_environment(self._setting.environment)
        history.forget(retention, self._setting.now())
        if not applied:
            self.serving = history.serving(whole=False)
            return
        names = {"stack": self._stack.name, "host": fingerprint.key_id(self._setting.key())}
        if self._policy.remove_images is not RemoveImages.NONE and self._policy.targets is None:
            kept_images.release(self._setting.engine, self._setting.console(), **names)
        else:
            kept = distinct(history.applied(whole=False), retention.images)
            kept_images.keep(self._setting.engine, self._setting.console(), **names, revisions=kept)

    def _spec(self, history: History) -> Document:
        from orchestrator.controller import revision

        document = revision.document(self._stack, self._canonical, self._setting.key())
        if self._policy.targets is None:
            return document
        earlier = history.serving()
        edges = graph.dependencies(self._stack)
        targets = self._policy.targets
        selected = frozenset(graph.closure(edges, targets)) if self._policy.dependencies else targets
        return revision.joined(document, earlier.spec if earlier else {}, selected)

    def _images(self, result: Result) -> dict[str, Image]:
        """What each service's containers run, as the engine has it after the run."""
        from orchestrator.controller.history import Image

        if self._policy.targets is None and not any(service.replicas for service in self._stack.services.values()):
            return {}  # everything went
        known = {image.id: image.digests for image in result.observed.images.values()} if result.observed else {}
        found: dict[str, Image] = {}
        label = f"{naming.PROJECT}={self._stack.name}"
        for container in self._setting.console().containers(labels=(label,)):
            service = self._stack.services.get(container.service)
            if service is None or container.oneoff or naming.HOOK in container.labels or container.service in found:
                continue
            if container.image_id not in known:
                known[container.image_id] = self._setting.console().image(container.image_id).digests
            found[service.name] = Image(
                reference=service.container.image, id=container.image_id, digests=known[container.image_id]
            )
        return found

    # What is written

    def _origin(self) -> Document:
        from orchestrator.controller import origin
        from orchestrator.version import VERSION

        return {
            "by": origin.who(self._setting.environment),
            "from": {**origin.where(self._stack.working_dir, self._stack.config_files), **self._came_from},
            "engine": self._setting.engine_id,
            "program": VERSION,
        }

    def _intention(self) -> Document:
        """What is known when a run begins, and all that stays known of one that is killed."""
        from orchestrator.controller import run_record

        plan = self._passes[-1][0]
        return {
            **self._origin(),
            "steps": [run_record.planned(1, one, "planned", self._setting.mask) for one in plan.steps],
        }

    def _record(self, result: Result | None, problem: BaseException | None) -> Document:
        from orchestrator.controller import run_record

        record = {
            **self._origin(),
            "steps": [
                run_record.carried_out(number, one, self._setting.mask)
                for number, (_, done) in enumerate(self._passes, start=1)
                for one in done
            ],
            "notes": [self._masked(note.text) for note in result.notes] if result else [],
            "restored": list(result.restored) if result else [],
            "last_lines": {
                name: [run_record.said(self._setting.mask(line)) for line in said]
                for name, said in self._last_words.items()
            },
        }
        if problem is not None:
            record["error"] = self._masked(getattr(problem, "message", "") or str(problem) or type(problem).__name__)
        return record

    def _masked(self, text: str) -> str:
        from orchestrator.controller.run_record import masked

        return masked(text, self._setting.mask)

    def _write(self, deed: Callable[[History], None]) -> None:
        """Do something with the history; trouble with it, or with what it asks the engine, is said and passed over."""
        from orchestrator.controller.history import History, HistoryUnusable

        try:
            if self._history is None:
                self._history = History(self._path)
            deed(self._history)
        except StackError as problem:
            self._given_up = self._given_up or isinstance(problem, HistoryUnusable)
            hint = f" ({problem.hint})" if problem.hint else ""
            self._setting.say(f"warning: {problem.message}{hint}")
        else:
            if self._history.notice:
                self._setting.say(f"warning: {self._history.notice}")
                self._history.notice = ""


def recorded(
    recorder: Recorder,
    stack: Stack,
    policy: Policy,
    *,
    failure: Callable[[Result], StackError],
    workers: int,
    cancel: CancelToken,
    first: tuple[Plan, ObservedState] | None = None,
    given_up: Iterable[str] = (),
    heard: Mapping[str, str] | None = None,
) -> Result:
    """Reconcile, and have the history know how it ended. ``failure`` says why a result is none."""
    from orchestrator.controller.reconcile import reconcile

    try:
        result = reconcile(
            stack,
            recorder.engine,
            policy,
            sink=recorder,
            workers=workers,
            cancel=cancel,
            first=first,
            given_up=given_up,
            heard=heard,
        )
    except BaseException as problem:
        recorder.close(None, problem)
        raise
    recorder.close(result, None if result.ok else failure(result))
    return result


def leaves_rollback(serving: Revision) -> Note:
    """What a plan from the file says after a rollback: the file is what counts."""
    return Note(
        level=Level.INFO,
        text=f"revision {serving.returns_to} serves since a rollback (revision {serving.number}); "
        "this brings about what the file says",
        reference="after-rollback",
    )


_MOVES = (StartContainer, StopContainer, RemoveContainer, UpdateContainer)
