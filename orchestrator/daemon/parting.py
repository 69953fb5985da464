"""How a stack goes that its repository no longer has: handed over to another source that has it, or taken down.

That is only where the source says ``prune``, its gate lets it, the repository was asked just now, and the stack's folder has gone
while others are there. A removal takes as long as containers take to end, so only removals of the same source wait for it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

from orchestrator.controller.status import Board
from orchestrator.daemon.arranging import Arranging
from orchestrator.daemon.claims import Claims
from orchestrator.daemon.followings import Followings, Hooks
from orchestrator.daemon.removals import Removals
from orchestrator.errors import StackError
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import GitHostSource, HostStack


class Parting:
    """``made`` is what a stack without a keeper is loaded from."""

    def __init__(
        self,
        followings: Followings,
        arranging: Arranging,
        claims: Claims,
        removals: Removals,
        board: Board,
        hooks: Hooks,
        made: Callable[[HostStack], GitSource],
    ) -> None:
        self._followings, self._arranging, self._claims, self._removals = followings, arranging, claims, removals
        self._board, self._hooks, self._made = board, hooks, made
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # by source

    def take_down_what_may_go(self, name: str) -> None:
        """In the follower's thread, after each fetch: what could not go before is tried again."""
        with self._turns[name]:
            is_sure = self._is_sure(name)
            self._followings.read_ahead(name)
            for stack in self._leaving(name, is_sure=is_sure):
                self._part_with(name, stack)

    def _leaving(self, name: str, *, is_sure: bool) -> list[str]:
        """What is to go, after one more look at what there is."""
        with self._followings.lock:
            if is_sure or name in self._arranging.unread:
                self._arranging.again(name)
            known = self._followings.known.get(name)
            return sorted(known.leaving) if known is not None and is_sure else []

    def _is_sure(self, name: str) -> bool:
        """Whether something may go, the repository was asked just now, and its checkout is whole. It is looked at again then."""
        here = self._followings
        source, follower, known = here.sources.get(name), here.followers.get(name), here.known.get(name)
        if source is None or known is None or not any(self._removals.may_go(source, one) for one in known.leaving):
            return False
        if follower is None or follower.trouble is not None or follower.head is None:
            return False
        try:
            follower.repository.checkout(follower.head.commit)
        except StackError as problem:
            here.cannot(f"source {name}: {problem}")
            return False
        here.selections.forget(name)
        return True

    def _part_with(self, name: str, stack: str) -> None:
        here = self._followings
        with here.lock:
            source = here.sources.get(name)
            if source is None or not self._removals.may_go(source, stack):
                return
            if self._handed_over(source, stack):
                self._gone(name, stack)
                return
            known = here.known[name]
            last = here.git_sources.pop(stack, None) or self._made(known.stacks[stack].entry)
            here.going.add(stack)
        took_down = self._took_down(source, stack, last)
        with here.lock:
            here.going.discard(stack)
            if took_down:
                last.forget()
            if here.known.get(name) is not known or stack not in known.leaving:
                self._arranging.again(name)  # a commit, or the host file, has brought it back meanwhile
            elif took_down:
                self._gone(name, stack)

    def _handed_over(self, source: GitHostSource, stack: str) -> bool:
        """A stack that has moved to another repository of this host is no less wanted than before: nothing of it is removed."""
        heirs = self._claims.heirs(stack, source.name)
        if not heirs:
            return False
        last = self._followings.git_sources.pop(stack, None)
        if last is not None:
            last.forget()
        self._board.tell(stack, "left", f"no longer in source {source.name}: source {heirs[0]} has it", level="info")
        return True

    def _took_down(self, source: GitHostSource, stack: str, last: GitSource) -> bool:
        try:
            self._hooks.take_down(stack, last.last, source.prune_volumes)
        except StackError as problem:
            self._board.tell(stack, "failed", f"not taken down: {problem.message}; it is tried again", level="error")
            return False
        return True

    def _gone(self, name: str, stack: str) -> None:
        """It is none of this source's any more."""
        self._followings.known[name].drop([stack])
        for other in self._claims.heirs(stack, name):
            self._arranging.again(other)
