"""The git sources of a host: a follower for each, begun and ended as the host file says, and what people see of and ask them.

A stack that is new in a repository is kept from then on, over restarts too, unless another source or the host file itself has one
of its name (``arranging``). How one goes that the repository no longer has is the business of ``parting``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from orchestrator.admission.guard import Admitting
from orchestrator.controller.sources import Newer
from orchestrator.controller.status import Board
from orchestrator.daemon.arranging import Arranging
from orchestrator.daemon.claims import Claims
from orchestrator.daemon.followings import Followings, Hooks
from orchestrator.daemon.overrides import Suspended
from orchestrator.daemon.parting import Parting
from orchestrator.daemon.removals import Removals
from orchestrator.errors import NotFound, StackError
from orchestrator.gitops import hosted
from orchestrator.gitops.follower import Follower
from orchestrator.gitops.known import Known, forget_others
from orchestrator.gitops.proposal import About
from orchestrator.gitops.repository import Ref
from orchestrator.gitops.signatures import Verify
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import GitHostSource, HostStack
from orchestrator.records import dataclass, replace
from orchestrator.secrets.stores import Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A source, who follows it, the stacks that are kept of it, and what there is to say of those that it no longer has.
    ``nothing`` says that its commit has no stack for any host, "" where it has one.
    """

    source: GitHostSource
    follower: Follower
    stacks: tuple[str, ...]
    leaving: Mapping[str, Newer]
    suspended: bool
    nothing: str


_NOT_YET = "kept again when its source has been fetched as the host file now says"
_ASKED_ANEW = "the host file asks its source for something else now; kept again once that is fetched, where it has it"


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
        self._here = here = Followings(board)
        self._removals = Removals(here.known, suspended, wall, self.poke)
        self._claims = Claims(board, here.sources, here.known)
        self._arranging = Arranging(here, self._claims, self._removals, board, hooks)
        self._parting = Parting(here, self._arranging, self._claims, self._removals, board, hooks, self._made)

    def follow(self, wanted: Mapping[str, GitHostSource], own: Mapping[str, HostStack]) -> None:
        """Follow these sources from now on, and no others. The stacks of the host file itself are its ``own``."""
        with self._here.lock:
            again = self._claims.refused()
            if own.keys() != self._claims.own.keys():
                again |= wanted.keys()
            self._claims.own = own
            for known in self._here.known.values():
                self._give_up(known)
            changed = [source for name, source in wanted.items() if self._here.sources.get(name) != source]
            before: dict[str, str] = {}  # the stacks that were kept, and of which source
            for name in [*(self._here.sources.keys() - wanted.keys()), *(source.name for source in changed)]:
                before |= dict.fromkeys(self._forget(name), name)
            forget_others(self._directory, wanted.keys())
            for source in changed:  # what each of them has had is its own before any of them claims something new
                self._here.known[source.name] = Known(self._directory, source, self._here.cannot)
                self._give_up(self._here.known[source.name])
                self._here.sources[source.name] = source
        for source in changed:
            try:
                self._begin(source)
            except StackError as problem:  # it can never be fetched; the others go on
                self._here.cannot(f"source {source.name}: {problem}")
                before |= dict.fromkeys(self._forget(source.name), source.name)
        with self._here.lock:
            for name in again & wanted.keys():
                self._arranging.again(name)
            still = {stack for one in self._here.known.values() for stack in one.stacks}
            for stack in sorted(before.keys() - self._here.git_sources.keys() - own.keys()):
                self._hooks.release(stack, _NOT_YET if stack in still else self._why_let_go(before[stack]))

    def _why_let_go(self, source: str) -> str:
        """Why a stack of this source is kept no more: nobody knows yet what the source has, or what it has is not wanted."""
        asked = source in self._here.followers and self._here.head(source) is None
        return _ASKED_ANEW if asked else "no longer in the host file"

    def _give_up(self, known: Known) -> None:
        """Stacks of the host file itself: their keepers are the host file's."""
        mine = known.stacks.keys() & self._claims.own.keys()
        known.drop(mine)
        for name in mine:
            self._here.git_sources.pop(name, None)

    def stop(self) -> None:
        for follower in self._here.followers.values():
            follower.stop()

    def poke(self, name: str) -> bool:
        """Fetch a source now; says whether there is one of that name."""
        follower = self._here.followers.get(name)
        if follower is not None:
            follower.poke()
        return follower is not None

    def sync(self, name: str) -> None:
        """Fetch a source now, and take what it has also where that waits to be asked for. Raises what keeps it from being had."""
        source, follower = self._here.sources.get(name), self._here.followers.get(name)
        if source is None or follower is None:
            raise _unknown(name)
        follower.fetch()
        if follower.trouble is not None:
            raise follower.trouble
        for stack in list(self._here.known[name].stacks):
            kept = self._here.git_sources.get(stack)
            if kept is not None:
                kept.ask_for()
            self._hooks.look_again(stack)
        follower.poke()  # for what was to be asked for before it may go

    def suspend(self, name: str, *, on: bool) -> None:
        """Take nothing new of a source from now on, over restarts too, or do so again. What is kept of it goes on being kept."""
        if name not in self._here.sources:
            raise _unknown(name)
        self._removals.suspend(name, on=on)
        self._board.tell("", "source-suspended" if on else "source-resumed", f"source {name}: by hand")
        for stack in list(self._here.known[name].stacks):
            self._hooks.look_again(stack)
        if not on:
            self.poke(name)

    def shown(self) -> list[Shown]:
        """Every source as it stands, by name."""
        with self._here.lock:
            return [self._shown(name, follower) for name, follower in sorted(self._here.followers.items())]

    def _shown(self, name: str, follower: Follower) -> Shown:
        source, known = self._here.sources[name], self._here.known[name]
        told = {stack: self._removals.leaving(source, stack) for stack in sorted(known.leaving)}
        return Shown(
            source=source,
            follower=follower,
            stacks=tuple(sorted(known.stacks)),
            leaving={stack: newer for stack, newer in told.items() if newer is not None},
            suspended=self._removals.is_suspended(name),
            nothing=self._arranging.nothing.get(name, ""),
        )

    def about(self, name: str) -> About:
        """A source as it stands, for a plan of another commit of it."""
        with self._here.lock:
            source, known = self._here.sources.get(name), self._here.known.get(name)
            if source is None or known is None:
                raise _unknown(name)
            head = self._here.head(name)
            return About(source=source, head=head, known=known, claimant=lambda stack: self._claimed(stack, name))

    def _claimed(self, stack: str, source: str) -> str:
        with self._here.lock:
            return self._claims.claimant(stack, source)

    def source(self, entry: HostStack) -> GitSource:
        """What the keeper of this stack loads from."""
        made = self._made(entry)
        self._here.git_sources[entry.name] = made
        return made

    def _made(self, entry: HostStack) -> GitSource:
        follower = self._here.followers[entry.source]
        known, source = self._here.known[entry.source], self._here.sources[entry.source]
        chosen = replace(known.stacks[entry.name], entry=entry)
        folder = hosted.folder(chosen, follower, self._key, stores=self._stores, admitting=self._admitting(source))
        return GitSource(
            folder,
            gate=self._removals.gate(source, entry),
            leaving=lambda: self._removals.leaving(source, entry.name),
            agree=lambda: self._agree(source.name, entry.name),
        )

    def entry(self, source: str, stack: str) -> HostStack:
        """A stack as its source has it kept."""
        return self._here.known[source].stacks[stack].entry

    def _begin(self, source: GitHostSource) -> None:
        follower = Follower(
            hosted.repository(source, self._directory),
            Ref(source.branch, source.tag, source.semver, source.commit),
            interval=source.interval,
            changed=lambda: self._told(source, self._changed),
            looked=lambda: self._told(source, self._parting.take_down_what_may_go),
            chance=self._chance,
            how=Verify(source.verify),
            keys=source.keys,
            allow_rollback=source.allow_rollback,
        )
        self._here.followers[source.name] = follower
        self._here.read_ahead(source.name)
        if follower.head is not None:
            with self._here.lock:
                self._arranging.arrange(source, follower.head)
        follower.start()

    def _forget(self, name: str) -> set[str]:
        """Follow a source no more; says which stacks were kept of it. Their keepers are still there."""
        follower = self._here.followers.pop(name, None)
        if follower is not None:
            follower.stop()
        self._here.sources.pop(name, None)
        self._arranging.forget(name)
        self._here.selections.forget(name)
        known = self._here.known.pop(name, None)
        mine = known.stacks if known is not None else ()
        return {stack for stack in mine if self._here.git_sources.pop(stack, None) is not None}

    def _told(self, source: GitHostSource, tell: Callable[[str], None]) -> None:
        """What a follower says that was still fetching when it was told to stop counts for nothing."""
        if self._here.sources.get(source.name) is source:
            tell(source.name)

    def _changed(self, name: str) -> None:
        """In the follower's thread: a new head, or trouble."""
        here = self._here
        here.read_ahead(name)
        with here.lock:
            source, follower = here.sources.get(name), here.followers.get(name)
            if source is None or follower is None:
                return
            head = follower.head
            if follower.trouble is not None:
                here.cannot(f"source {name}: {follower.trouble}")
            if follower.trouble is not None or head is None:
                return
            self._board.tell("", "commit", f"source {name}: {follower.ref} is at {head.commit[:12]}")
            self._arranging.arrange(source, head)
            used = {head.commit, *here.used(name)}
        try:
            follower.repository.forget(used)
        except (StackError, OSError) as problem:  # they only need room
            here.cannot(f"source {name}: old checkouts cannot be removed: {problem}")

    def _agree(self, source: str, stack: str) -> None:
        self._here.known[source].agree(stack)
        self.poke(source)  # what the repository has is looked at once more before anything goes
