"""The git sources of a host: a follower for each, and which stacks come and go with its commits.

A stack that is new in a repository is kept from then on, over restarts too, unless another source or the host file itself has one
of its name. One that has gone is taken down only where the source says ``prune``, its gate lets it, and its folder has gone while
others are there: an empty, missing or unreadable repository or spec never means that something should go.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from orchestrator.admission.guard import Admitting
from orchestrator.controller.sources import Newer, Wanted
from orchestrator.controller.status import Board
from orchestrator.daemon.claims import Claims
from orchestrator.daemon.overrides import Suspended
from orchestrator.daemon.removals import Removals
from orchestrator.errors import NotFound, StackError
from orchestrator.gitops.differing import changed_first
from orchestrator.gitops.follower import Follower, Head
from orchestrator.gitops.hosted import repository
from orchestrator.gitops.known import Known, forget_others, has_nothing, why_gone
from orchestrator.gitops.proposal import About
from orchestrator.gitops.repository import Ref
from orchestrator.gitops.selection import Selections
from orchestrator.gitops.signatures import Verify
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import GitHostSource, HostStack
from orchestrator.records import dataclass
from orchestrator.secrets.stores import Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a repository's changes lead to. ``keep`` gets a stack's entry, the others its name; ``release`` also why;
    ``take_down`` how to load what was kept last, and whether volumes go too.
    """

    keep: Callable[[HostStack], object]
    release: Callable[[str, str], object]
    take_down: Callable[[str, Callable[[], Wanted | None], bool], object]
    look_again: Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A source, who follows it, the stacks that are kept of it, and what there is to say of those that it no longer has."""

    source: GitHostSource
    follower: Follower
    stacks: tuple[str, ...]
    leaving: Mapping[str, Newer]
    suspended: bool


_NOT_YET = "kept again when its source has been fetched as the host file now says"


def _unknown(name: str) -> NotFound:
    return NotFound(f'there is no source "{name}" on this host', reference="no-such-source")


class Repositories:
    """``start`` begins to follow; ``source`` makes what a keeper loads from."""

    def __init__(
        self,
        state: str,
        board: Board,
        hooks: Hooks,
        *,
        key: Callable[[], bytes],
        chance: Callable[[], float],
        stores: Stores,
        admitting: Callable[[GitHostSource], Admitting],
        suspended: Suspended,
        wall: Callable[[], tuple[int, int]],
    ) -> None:
        self._stores, self._admitting = stores, admitting
        self._directory = os.path.join(state, "git")
        self._board, self._hooks, self._key, self._chance = board, hooks, key, chance
        self._lock = threading.Lock()
        self._sources: dict[str, GitHostSource] = {}
        self._followers: dict[str, Follower] = {}
        self._known: dict[str, Known] = {}  # by source
        self._removals = Removals(self._known, suspended, wall, self.poke)
        self._places: dict[str, str] = {}  # by source: the checkout that was arranged last
        self._unread: dict[str, bool] = {}  # sources of which some stacks could not be read
        self._git_sources: dict[str, GitSource] = {}  # of the stacks that have a keeper
        self._selections = Selections()
        self._claims = Claims(board, self._sources, self._known)

    def follow(self, wanted: Mapping[str, GitHostSource], own: Mapping[str, HostStack]) -> None:
        """Follow these sources from now on, and no others. The stacks of the host file itself are its ``own``."""
        with self._lock:
            again = self._claims.refused()
            if own.keys() != self._claims.own.keys():
                again |= wanted.keys()
            self._claims.own = own
            for known in self._known.values():
                self._give_up(known)
            changed = [source for name, source in wanted.items() if self._sources.get(name) != source]
            before: set[str] = set()
            for name in [*(self._sources.keys() - wanted.keys()), *(source.name for source in changed)]:
                before |= self._forget(name)
            forget_others(self._directory, wanted.keys())
            for source in changed:  # what each of them has had is its own before any of them claims something new
                self._known[source.name] = Known(self._directory, source, self._cannot)
                self._give_up(self._known[source.name])
                self._sources[source.name] = source
        for source in changed:
            try:
                self._begin(source)
            except StackError as problem:  # it can never be fetched; the others go on
                self._cannot(f"source {source.name}: {problem}")
                before |= self._forget(source.name)
        with self._lock:
            for name in again & wanted.keys():
                self._arrange_again(name)
            still = {stack for one in self._known.values() for stack in one.stacks}
            for stack in sorted(before - self._git_sources.keys() - own.keys()):
                self._hooks.release(stack, _NOT_YET if stack in still else "no longer in the host file")

    def _cannot(self, text: str) -> None:
        self._board.tell("", "source-failed", text, level="error")

    def _give_up(self, known: Known) -> None:
        """Stacks of the host file itself: their keepers are the host file's."""
        mine = known.stacks.keys() & self._claims.own.keys()
        known.drop(mine)
        for name in mine:
            self._git_sources.pop(name, None)

    def stop(self) -> None:
        for follower in self._followers.values():
            follower.stop()

    def poke(self, name: str) -> bool:
        """Fetch a source now; says whether there is one of that name."""
        follower = self._followers.get(name)
        if follower is not None:
            follower.poke()
        return follower is not None

    def sync(self, name: str) -> None:
        """Fetch a source now, and take what it has also where that waits to be asked for. Raises what keeps it from being had."""
        source, follower = self._sources.get(name), self._followers.get(name)
        if source is None or follower is None:
            raise _unknown(name)
        follower.fetch()
        if follower.trouble is not None:
            raise follower.trouble
        for stack in list(self._known[name].stacks):
            kept = self._git_sources.get(stack)
            if kept is not None:
                kept.ask_for()
            self._hooks.look_again(stack)
        follower.poke()  # for what was to be asked for before it may go

    def suspend(self, name: str, *, on: bool) -> None:
        """Take nothing new of a source from now on, over restarts too, or do so again. What is kept of it goes on being kept."""
        if name not in self._sources:
            raise _unknown(name)
        self._removals.suspend(name, on=on)
        self._board.tell("", "source-suspended" if on else "source-resumed", f"source {name}: by hand")
        for stack in list(self._known[name].stacks):
            self._hooks.look_again(stack)
        if not on:
            self.poke(name)

    def shown(self) -> list[Shown]:
        """Every source as it stands, by name."""
        with self._lock:
            return [
                Shown(
                    source=self._sources[name],
                    follower=follower,
                    stacks=tuple(sorted(self._known[name].stacks)),
                    leaving={
                        stack: newer
                        for stack in sorted(self._known[name].leaving)
                        if (newer := self._removals.leaving(self._sources[name], stack)) is not None
                    },
                    suspended=self._removals.is_suspended(name),
                )
                for name, follower in sorted(self._followers.items())
            ]

    def heads(self) -> dict[str, Follower]:
        return dict(self._followers)

    def about(self, name: str) -> About:
        """A source as it stands, for a plan of another commit of it."""
        with self._lock:
            source, known = self._sources.get(name), self._known.get(name)
            if source is None or known is None:
                raise _unknown(name)
            follower = self._followers.get(name)
            head = follower.head if follower is not None else None
            return About(source=source, head=head, known=known, claimant=lambda stack: self._claimed(stack, name))

    def _claimed(self, stack: str, source: str) -> str:
        with self._lock:
            return self._claims.claimant(stack, source)

    def source(self, entry: HostStack) -> GitSource:
        """What the keeper of this stack loads from."""
        made = self._made(entry)
        self._git_sources[entry.name] = made
        return made

    def _made(self, entry: HostStack) -> GitSource:
        follower = self._followers[entry.source]
        known, source = self._known[entry.source], self._sources[entry.source]
        chosen = known.stacks[entry.name]
        return GitSource(
            entry,
            follower,
            chosen.folder,
            self._key,
            overlays=chosen.overlays,
            environment=chosen.environment,
            gate=self._removals.gate(source, entry),
            leaving=lambda: self._removals.leaving(source, entry.name),
            agree=lambda: self._agree(source.name, entry.name),
            stores=self._stores.granted(entry.secret_stores),
            admitting=self._admitting(source),
        )

    def entry(self, source: str, stack: str) -> HostStack:
        """A stack as its source has it kept."""
        return self._known[source].stacks[stack].entry

    def _begin(self, source: GitHostSource) -> None:
        follower = Follower(
            repository(source, self._directory),
            Ref(source.branch, source.tag, source.semver, source.commit),
            interval=source.interval,
            changed=lambda: self._told(source, self._changed),
            looked=lambda: self._told(source, self._take_down_what_may_go),
            chance=self._chance,
            how=Verify(source.verify),
            keys=source.keys,
            allow_rollback=source.allow_rollback,
        )
        self._followers[source.name] = follower
        self._read_ahead(source.name)
        if follower.head is not None:
            with self._lock:
                self._arrange(source, follower.head)
        follower.start()

    def _forget(self, name: str) -> set[str]:
        """Follow a source no more; says which stacks were kept of it. Their keepers are still there."""
        follower = self._followers.pop(name, None)
        if follower is not None:
            follower.stop()
        self._sources.pop(name, None)
        self._claims.forget(name)
        self._places.pop(name, None)
        self._selections.forget(name)
        known = self._known.pop(name, None)
        mine = known.stacks if known is not None else ()
        return {stack for stack in mine if self._git_sources.pop(stack, None) is not None}

    def _told(self, source: GitHostSource, tell: Callable[[str], None]) -> None:
        """What a follower says that was still fetching when it was told to stop counts for nothing."""
        if self._sources.get(source.name) is source:
            tell(source.name)

    def _changed(self, name: str) -> None:
        """In the follower's thread: a new head, or trouble."""
        self._read_ahead(name)
        with self._lock:
            source, follower = self._sources.get(name), self._followers.get(name)
            if source is None or follower is None:
                return
            if follower.trouble is not None:
                self._cannot(f"source {name}: {follower.trouble}")
            if follower.trouble is not None or follower.head is None:
                return
            self._board.tell("", "commit", f"source {name}: {follower.ref} is at {follower.head.commit[:12]}")
            self._arrange(source, follower.head)
            used = {commit for stack in self._known[name].stacks for commit in self._commits(stack)}
            try:
                follower.repository.forget({follower.head.commit, *used})
            except (StackError, OSError) as problem:  # they only need room
                self._cannot(f"source {name}: old checkouts cannot be removed: {problem}")

    def _commits(self, stack: str) -> set[str]:
        return self._git_sources[stack].commits if stack in self._git_sources else set()

    def _read_ahead(self, name: str) -> None:
        """Find out what a source wants before anybody has to wait for it."""
        source, follower = self._sources.get(name), self._followers.get(name)
        if source and follower and follower.head:
            self._selections.of(source, follower.head.place)

    def _arrange(self, source: GitHostSource, head: Head) -> None:
        """Keep what a commit has. What it no longer has stays until ``_take_down_what_may_go``."""
        selection, known = self._selections.of(source, head.place), self._known[source.name]
        if selection.unread:
            self._selections.forget(source.name)  # what was found out holds for now
        wanted = self._claims.unclaimed(source, selection)
        before, left = known.stacks, known.leaving
        missing = {name: before[name] for name in before.keys() - wanted.keys()}
        gone = {name: why for name, one in missing.items() if (why := why_gone(source, one, selection, head.place))}
        gone |= {name: one.why for name, one in left.items() if name in selection.unread}
        self._unread[source.name] = bool(selection.unread)
        for problem in selection.unread.values():
            self._cannot(f"source {source.name}: {problem}; it is tried again")
        if has_nothing(source, selection, missing):
            gone = {}
            self._board.tell(
                "",
                "source-empty",
                f"source {source.name}: commit {head.commit[:12]} has no stack in {source.path}; what runs goes on",
                level="error",
            )
        known.become({**wanted, **missing}, known.without(gone, head.commit))
        place, self._places[source.name] = self._places.get(source.name, ""), head.place
        for name in changed_first({name: one.folder for name, one in known.stacks.items()}, place, head.place):
            chosen = known.stacks[name]
            if before.get(name) != chosen or (
                name not in self._git_sources and not self._removals.may_go(source, name)
            ):
                self._hooks.keep(chosen.entry)
            elif name in wanted or (name in left) != (name in gone):
                self._hooks.look_again(name)

    def _take_down_what_may_go(self, name: str) -> None:
        """In the follower's thread, after each fetch: what could not go before is tried again."""
        is_sure = self._is_sure(name)
        self._read_ahead(name)
        with self._lock:
            source, known = self._sources.get(name), self._known.get(name)
            if source is None or known is None:
                return
            if is_sure or self._unread.get(name):
                self._arrange_again(name)
            for stack in sorted(known.leaving) if is_sure else ():
                if not self._removals.may_go(source, stack):
                    continue
                if self._handed_over(source, stack) or self._took_down(source, stack):
                    known.drop([stack])
                    for other in self._claims.heirs(stack, name):
                        self._arrange_again(other)

    def _is_sure(self, name: str) -> bool:
        """Whether something may go, the repository was asked just now, and its checkout is whole. It is looked at again then."""
        source, follower, known = self._sources.get(name), self._followers.get(name), self._known.get(name)
        if source is None or known is None or not any(self._removals.may_go(source, one) for one in known.leaving):
            return False
        if follower is None or follower.trouble is not None or follower.head is None:
            return False
        try:
            follower.repository.checkout(follower.head.commit)
        except StackError as problem:
            self._cannot(f"source {name}: {problem}")
            return False
        self._selections.forget(name)
        return True

    def _handed_over(self, source: GitHostSource, stack: str) -> bool:
        """A stack that has moved to another repository of this host is no less wanted than before: nothing of it is removed."""
        heirs = self._claims.heirs(stack, source.name)
        if not heirs:
            return False
        last = self._git_sources.pop(stack, None)
        if last is not None:
            last.forget()
        self._board.tell(stack, "left", f"no longer in source {source.name}: source {heirs[0]} has it", level="info")
        return True

    def _took_down(self, source: GitHostSource, stack: str) -> bool:
        last = self._git_sources.pop(stack, None) or self._made(self._known[source.name].stacks[stack].entry)
        try:
            self._hooks.take_down(stack, last.last, source.prune_volumes)
        except StackError as problem:
            self._board.tell(stack, "failed", f"not taken down: {problem.message}; it is tried again", level="error")
            return False
        last.forget()
        return True

    def _agree(self, source: str, stack: str) -> None:
        self._known[source].agree(stack)
        self.poke(source)  # what the repository has is looked at once more before anything goes

    def _arrange_again(self, name: str) -> None:
        """What something else has claimed so far may be free by now, and what was free claimed."""
        source, follower = self._sources.get(name), self._followers.get(name)
        if source is not None and follower is not None and follower.head is not None:
            self._arrange(source, follower.head)
