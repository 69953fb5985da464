"""How the daemon changes something: through the gate of what is wanted, so that history, audit log and metrics know of it."""

from __future__ import annotations

from orchestrator.cancel import CancelToken
from orchestrator.controller import views
from orchestrator.controller.means import Errand
from orchestrator.controller.reconcile import Result
from orchestrator.controller.recorder import Recorder, Setting, recorded
from orchestrator.controller.sources import Wanted, through
from orchestrator.controller.status import Board
from orchestrator.daemon.audit import Audit
from orchestrator.daemon.parts import Parts
from orchestrator.events import Event, Sink, StepEnded
from orchestrator.model import describe, masking
from orchestrator.planner.policy import Policy


class CarryingOut:
    """Called, it brings a stack about."""

    def __init__(self, parts: Parts, board: Board, audit: Audit, cancel: CancelToken) -> None:
        self._parts, self._board, self._audit, self._cancel = parts, board, audit, cancel

    def __call__(self, wanted: Wanted, policy: Policy, errand: Errand) -> Result:
        """Bring a stack about, with its history and the audit log knowing of it. The caller holds the stack's lock."""
        parts, stack = self._parts, wanted.stack
        engine = through(parts.engine, wanted)
        setting = Setting(
            directory=parts.state,
            engine_id=parts.engine.identity,
            environment=parts.environment,
            key=parts.key,
            engine=engine,
            console=parts.console,
            mask=lambda text: masking.mask_sentence(text, stack.secret_values),
            say=lambda text: self._board.tell(stack.name, "history", str(text), level="warning"),
        )
        recorder = Recorder(
            setting,
            stack,
            policy,
            wanted.canonical,
            command=errand.command,
            sink=_Counting(self._board, parts.sink(stack.name)),
            returns_to=wanted.returns_to if errand.returns_to is None else errand.returns_to,
            origin=wanted.origin,
        )
        result = recorded(
            recorder,
            stack,
            policy,
            failure=views.as_error,
            workers=parts.workers,
            cancel=self._cancel,
            first=errand.first,
            given_up=errand.given_up,
            heard=errand.heard,
        )
        if result.changed or not result.ok:
            self._audit.write(
                who="daemon",
                stack=stack.name,
                command=errand.command,
                version=wanted.version,
                ok=result.ok,
                changed=result.changed,
                actions=views.actions(result.plan),
            )
        return result

    def held(self, stack: str, version: str, why: str) -> None:
        """A commit was gone back from; the log never calls that a success."""
        self._audit.write(who="daemon", stack=stack, command="hold", version=version, ok=False, why=why)


class _Counting:
    """A sink that counts what was done, for the metrics."""

    def __init__(self, board: Board, sink: Sink) -> None:
        self._board, self._sink = board, sink

    def emit(self, event: Event) -> None:
        if isinstance(event, StepEnded):
            self._board.acted(describe.slug(event.result.step.action), event.result.outcome.value)
        self._sink.emit(event)
