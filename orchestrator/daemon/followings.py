"""The sources of a running daemon with all that is known of each, in one place that its threads share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from orchestrator.controller.sources import Wanted
from orchestrator.controller.status import Board
from orchestrator.gitops.follower import Follower, Head
from orchestrator.gitops.known import Known
from orchestrator.gitops.selection import Selection, Selections
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import GitHostSource, HostStack
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a repository's changes lead to. ``keep`` gets a stack's entry, the others its name; ``release`` also why;
    ``take_down`` how to load what was kept last, and whether volumes go too.
    """

    keep: Callable[[HostStack], object]
    release: Callable[[str, str], object]
    take_down: Callable[[str, Callable[[], Wanted | None], bool], object]
    look_again: Callable[[str], object]


class Followings:
    """By the names of sources: what the host file says, who follows, and which stacks each is known to have; by the names of
    stacks: what their keepers load from. ``lock`` is held to change any of it, never while an engine or a git host is waited for.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self.lock = threading.Lock()
        self.sources: dict[str, GitHostSource] = {}
        self.followers: dict[str, Follower] = {}
        self.known: dict[str, Known] = {}
        self.git_sources: dict[str, GitSource] = {}  # of the stacks that have a keeper
        self.going: set[str] = set()  # stacks that are being taken down
        self.selections = Selections()

    def cannot(self, text: str) -> None:
        self._board.tell("", "source-failed", text, level="error")

    def head(self, name: str) -> Head | None:
        follower = self.followers.get(name)
        return follower.head if follower is not None else None

    def read_ahead(self, name: str) -> None:
        """Find out what a source wants before anybody has to wait for it."""
        source, head = self.sources.get(name), self.head(name)
        if source is not None and head is not None:
            self.selections.of(source, head.place)

    def selection(self, source: GitHostSource, head: Head) -> Selection:
        """What a source wants of a commit. What could not be read of it is asked for anew the next time."""
        selection = self.selections.of(source, head.place)
        if selection.unread:
            self.selections.forget(source.name)  # what was found out holds for now
        return selection

    def used(self, name: str) -> set[str]:
        """The commits whose checkouts the stacks of a source need."""
        stacks: Mapping[str, object] = self.known[name].stacks
        return {commit for stack in stacks if stack in self.git_sources for commit in self.git_sources[stack].commits}
