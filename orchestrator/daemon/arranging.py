"""Which stacks are kept after a commit: those that are new come, all others stay, and what has left is told and marked as leaving.

Nothing is taken down here (``parting``): an empty, missing or unreadable repository or spec never means that something should go.
"""

from __future__ import annotations

from orchestrator.controller.status import Board
from orchestrator.daemon.claims import Claims
from orchestrator.daemon.followings import Followings, Hooks
from orchestrator.daemon.removals import Removals
from orchestrator.gitops.differing import changed_first
from orchestrator.gitops.follower import Head
from orchestrator.gitops.known import has_nothing, nothing_in, why_gone
from orchestrator.gitops.selection import Selection
from orchestrator.model.host import GitHostSource


class Arranging:
    """Whoever calls holds the lock of ``followings``."""

    def __init__(self, followings: Followings, claims: Claims, removals: Removals, board: Board, hooks: Hooks) -> None:
        self._followings, self._claims, self._removals = followings, claims, removals
        self._board, self._hooks = board, hooks
        self._places: dict[str, str] = {}  # by source: the checkout that was arranged last
        self.unread: set[str] = set()  # sources of which some stacks could not be read
        self.nothing: dict[str, str] = {}  # by source: that its commit has no stack, "" where it has one

    def forget(self, name: str) -> None:
        self._claims.forget(name)
        self._places.pop(name, None)
        self.unread.discard(name)
        self.nothing.pop(name, None)

    def again(self, name: str) -> None:
        """What something else has claimed so far may be free by now, and what was free claimed."""
        source, head = self._followings.sources.get(name), self._followings.head(name)
        if source is not None and head is not None:
            self.arrange(source, head)

    def arrange(self, source: GitHostSource, head: Head) -> None:
        """Keep what a commit has. What it no longer has stays until it may go."""
        selection, known = self._followings.selection(source, head), self._followings.known[source.name]
        self._tell_unread(source, selection)
        wanted = self._claims.unclaimed(source, selection)
        before, left = known.stacks, known.leaving
        missing = {name: before[name] for name in before.keys() - wanted.keys()}
        gone = {name: why for name, one in missing.items() if (why := why_gone(source, one, selection, head.place))}
        gone |= {name: one.why for name, one in left.items() if name in selection.unread}
        if has_nothing(source, selection, missing):
            gone = {}
        self._tell_nothing(source, nothing_in(source, selection, missing, head.commit))
        known.become({**wanted, **missing}, known.without(gone, head.commit))
        place, self._places[source.name] = self._places.get(source.name, ""), head.place
        for name in changed_first({name: one.folder for name, one in known.stacks.items()}, place, head.place):
            chosen = known.stacks[name]
            if self._lacks_keeper(source, name) or (before.get(name) != chosen and name not in self._followings.going):
                self._hooks.keep(chosen.entry)
            elif name in wanted or (name in left) != (name in gone):
                self._hooks.look_again(name)

    def _tell_unread(self, source: GitHostSource, selection: Selection) -> None:
        (self.unread.add if selection.unread else self.unread.discard)(source.name)
        for problem in selection.unread.values():
            self._followings.cannot(f"source {source.name}: {problem}; it is tried again")

    def _tell_nothing(self, source: GitHostSource, text: str) -> None:
        if text and self.nothing.get(source.name) != text:
            self._board.tell("", "source-empty", f"source {source.name}: {text}", level="error")
        self.nothing[source.name] = text

    def _lacks_keeper(self, source: GitHostSource, stack: str) -> bool:
        here = self._followings
        return stack not in here.git_sources and stack not in here.going and not self._removals.may_go(source, stack)
