"""Whether a stack goes that its repository no longer has: what the host file, its source's rules and people say to that."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.controller.sources import Newer, Why
from orchestrator.daemon.overrides import Suspended
from orchestrator.gitops.gate import Gate
from orchestrator.gitops.known import Known, why_it_stays
from orchestrator.model.host import GitHostSource, HostStack

_OF_A_SOURCE = "source "  # before its name among what is suspended; no stack's name has a space


class Removals:
    """Of the stacks that sources are ``known`` to have. ``wall`` tells local time; ``poke`` has a source looked at now."""

    def __init__(
        self,
        known: Mapping[str, Known],
        suspended: Suspended,
        wall: Callable[[], tuple[int, int]],
        poke: Callable[[str], object],
    ) -> None:
        self._known, self._suspended, self._wall, self._poke = known, suspended, wall, poke

    def suspend(self, source: str, *, on: bool) -> None:
        (self._suspended.add if on else self._suspended.discard)(f"{_OF_A_SOURCE}{source}")

    def is_suspended(self, source: str) -> bool:
        return f"{_OF_A_SOURCE}{source}" in self._suspended

    def gate(self, source: GitHostSource, entry: HostStack) -> Gate:
        return Gate(
            source=source.name,
            approve=source.approve,
            manual=source.sync == "manual",
            windows=entry.windows,
            suspended=lambda: self.is_suspended(source.name),
            wall=self._wall,
        )

    def may_go(self, source: GitHostSource, stack: str) -> bool:
        known = self._known[source.name]
        leaving = known.leaving.get(stack)
        one = known.stacks.get(stack)
        if leaving is None or one is None or self._why_it_stays(source, one.entry):
            return False
        return self.gate(source, one.entry).parts_with(stack, leaving) is None

    def leaving(self, source: GitHostSource, stack: str) -> Newer | None:
        """What there is to say of a stack that its repository no longer has; None of one that it has."""
        known = self._known.get(source.name)
        leaving, one = (known.leaving.get(stack), known.stacks.get(stack)) if known is not None else (None, None)
        if leaving is None or one is None:
            return None
        stays = self._why_it_stays(source, one.entry)
        if stays:
            message = f"{leaving.why}; it goes on as it was ({stays})"
            return Newer(version=leaving.commit, why=Why.LEFT, message=message, reference="stack-left")
        gate = self.gate(source, one.entry)
        waits = gate.parts_with(stack, leaving)
        if waits is None and gate.windows:
            self._poke(source.name)  # a window has opened
        message = f"{leaving.why}; it is taken down"
        return waits or Newer(version=leaving.commit, why=Why.WAITING, message=message, reference="stack-leaves")

    def _why_it_stays(self, source: GitHostSource, entry: HostStack) -> str:
        return why_it_stays(source, entry) or ("suspended" if entry.name in self._suspended else "")
