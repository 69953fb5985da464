"""Going back to an earlier revision, and staying there: by hand, or because a new revision does not get well.

What was gone back to is what the daemon keeps from then on, until the file says something new: ``instead`` answers with it in the
place of what the file says. Everything is found in the history; without one there is no way back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from orchestrator.controller import revision as revisions
from orchestrator.controller import rollback
from orchestrator.controller.history import History, HistoryUnusable, Revision
from orchestrator.controller.means import CarryOut, Errand
from orchestrator.controller.places import path_of
from orchestrator.controller.reconcile import Result
from orchestrator.controller.revision import Restored
from orchestrator.controller.sources import Wanted
from orchestrator.engines.base import Engine
from orchestrator.errors import StackError
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, replace
from orchestrator.secrets.opening import Opening
from orchestrator.spec.load import Canonical

NEW_SECONDS = 3600.0  # for so long after it first served, a revision may be what is to blame


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """A rollback that was carried out."""

    target: Revision
    restored: Restored
    result: Result


class Returning:
    """``state`` and ``key`` are this host's. Callers of ``go_back`` and ``give_up`` hold the stack's lock."""

    def __init__(
        self,
        state: str,
        engine: Engine,
        key: Callable[[], bytes],
        carry_out: CarryOut,
        say: Callable[[str, str], object],
        opening: Callable[[str], Opening | None],
    ) -> None:
        self._opening = opening
        self._state, self._engine, self._key, self._carry_out, self._say = state, engine, key, carry_out, say
        self._known: dict[str, tuple[Wanted, _Stamp, Wanted]] = {}

    def opened(self, stack: str) -> History | None:
        """The stack's history for reading; ``None`` where there is none yet."""
        path = self._path(stack)
        return History(path, reading=True) if os.path.exists(path) else None

    def instead(self, wanted: Wanted) -> Wanted:
        """What is to be kept: ``wanted``, or the revision that somebody went back to from exactly this. Cheap to ask again.

        Raises StackError where that revision cannot be had again: then nothing is to be changed.
        """
        name = wanted.stack.name
        stamp = _stamp(self._path(name))
        known = self._known.get(name)
        if known is not None and known[0] is wanted and known[1] == stamp:
            return known[2]
        answer = self._instead(wanted, known[2] if known is not None else None)
        self._known[name] = (wanted, stamp, answer)
        return answer

    def _instead(self, wanted: Wanted, before: Wanted | None) -> Wanted:
        try:
            past = self.opened(wanted.stack.name)
            if past is None:
                return wanted
            with past:
                serving = rollback.holds(past, revisions.document(wanted.stack, wanted.canonical, self._key()))
                target = past.get(serving.returns_to) if serving is not None and serving.returns_to else None
        except HistoryUnusable:
            return wanted
        if target is None:
            return wanted
        if before is not None and before.returns_to == target.number:
            return before
        return self._as_wanted(wanted, target)[0]

    def before(self, wanted: Wanted) -> Wanted | None:
        """What was brought about last: ``wanted``, where that is the one or was gone back from; None where nothing is known of
        it, or it cannot be had again."""
        try:
            past = self.opened(wanted.stack.name)
            if past is None:
                return None
            with past:
                document = revisions.document(wanted.stack, wanted.canonical, self._key())
                serving = past.serving()
                if serving is None:
                    return None
                if rollback.is_of(serving, document) or rollback.holds(past, document) is not None:
                    return wanted
            return replace(self._as_wanted(wanted, serving)[0], returns_to=None)
        except StackError:
            return None

    def _as_wanted(self, wanted: Wanted, target: Revision) -> tuple[Wanted, Restored]:
        restored = self._restored(target, lambda: wanted.canonical)
        stack = rollback.pinned(restored.stack, target, self._engine)
        if wanted.guard is not None:
            stack = wanted.guard.hardened(stack)
        kept = Wanted(
            stack=stack,
            canonical=restored.canonical,
            returns_to=target.number,
            guard=wanted.guard,
            origin=rollback.origin(target),
        )
        return kept, restored

    def go_back(self, wanted: Wanted, target: Revision) -> WayBack:
        """Bring ``target`` about. ``wanted`` is what the file says now: secrets are taken from there."""
        kept, restored = self._as_wanted(wanted, target)
        self._say(wanted.stack.name, f"goes back to revision {target.number}")
        result = self._carry_out(
            kept,
            Policy(never_build=True, ignore_orphans=True),
            Errand(command="rollback", returns_to=target.number),
        )
        return WayBack(target=target, restored=restored, result=result)

    def give_up(self, wanted: Wanted, services: Iterable[str]) -> str:
        """Services do not get well: go back if their revision is new. Says how it went, "" where there is no way back."""
        try:
            past = self.opened(wanted.stack.name)
            if past is None:
                return ""
            with past:
                if not rollback.is_new(past, services, time.time() - NEW_SECONDS):
                    return ""
                target = rollback.before(past)
            result = self.go_back(wanted, target).result
        except StackError as problem:
            return f"going back to the revision before failed: {problem.message}"
        if result.ok:
            return f"revision {target.number} serves again, until the file says something new"
        return f"going back to revision {target.number} failed"

    def _restored(self, target: Revision, file_now: Callable[[], Canonical | None]) -> Restored:
        return rollback.restored(
            target,
            key=self._key(),
            environment={},
            file_now=file_now,
            engine=self._engine,
            opening=self._opening(target.spec["name"]),
        )

    def _path(self, stack: str) -> str:
        return path_of(self._state, self._engine.identity, stack)


_Stamp = tuple[tuple[int, int], ...]


def _stamp(path: str) -> _Stamp:
    """What changes when the history does: it, and the log of what was not yet written into it."""
    found = []
    for name in (path, f"{path}-wal"):
        try:
            about = os.stat(name)
            found.append((about.st_mtime_ns, about.st_size))
        except OSError:
            found.append((0, 0))
    return tuple(found)
