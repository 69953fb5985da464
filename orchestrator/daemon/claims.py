"""Which of several places on a host has a stack's name: who was first keeps it, and the host file itself always does."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.controller.status import Board
from orchestrator.gitops.known import Known
from orchestrator.gitops.selection import Chosen, Selection
from orchestrator.model.host import GitHostSource, HostStack


class Claims:
    """``known`` are the stacks that each source has, by its name; ``own`` those of the host file."""

    def __init__(self, board: Board, sources: Mapping[str, GitHostSource], known: Mapping[str, Known]) -> None:
        self._board, self._sources, self._known = board, sources, known
        self.own: Mapping[str, HostStack] = {}
        self._refused: dict[str, dict[str, str]] = {}  # by source: stacks that something else has, and what is wrong

    def unclaimed(self, source: GitHostSource, selection: Selection) -> dict[str, Chosen]:
        """The stacks that are this source's to have; what is new about the others is told."""
        refused: dict[str, str] = {}
        for name, chosen in selection.stacks.items():
            other = self.claimant(name, source.name)
            if other:
                refused[name] = (
                    f'two places claim the stack "{name}": {other} has it; '
                    f"{chosen.folder} of source {source.name} ({source.where}) does not get it"
                )
        for name in refused.keys() - self._refused.get(source.name, {}).keys():
            self._board.tell("", "claimed-twice", refused[name], level="error")
        self._refused[source.name] = refused
        return {name: chosen for name, chosen in selection.stacks.items() if name not in refused}

    def claimant(self, stack: str, source: str) -> str:
        """What else than this source has a stack of that name, and where that is said; "" for nothing."""
        if stack in self.own:
            return f"the host file ({self.own[stack].where})"
        for other, known in self._known.items():
            if other != source and stack in known.stacks:
                return f"{known.stacks[stack].folder} of source {other} ({self._sources[other].where})"
        return ""

    def refused(self) -> set[str]:
        """The sources that do not have all the stacks that they would have."""
        return {name for name, stacks in self._refused.items() if stacks}

    def heirs(self, stack: str, source: str) -> list[str]:
        """The other sources that would have a stack of that name."""
        return sorted(other for other in self._sources.keys() - {source} if stack in self._refused.get(other, {}))

    def forget(self, source: str) -> None:
        self._refused.pop(source, None)
