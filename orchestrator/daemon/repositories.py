"""The git sources of a host: a follower for each, and which stacks come and go with its commits.

A stack that is new in a repository is kept from then on, unless another source or the host file itself has one of its name. One
that has gone is taken down only where the source says ``prune``, and only if the repository still has other stacks: an empty or
unreadable one never means that everything should go.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from orchestrator.admission.guard import Admitting
from orchestrator.controller.status import Board
from orchestrator.daemon.overrides import Suspended
from orchestrator.errors import NotFound, StackError
from orchestrator.gitops.follower import Follower, Head
from orchestrator.gitops.gate import Gate
from orchestrator.gitops.hosted import repository
from orchestrator.gitops.repository import Ref
from orchestrator.gitops.selection import Chosen, Selection, selected
from orchestrator.gitops.signatures import Verify
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import GitHostSource, HostStack
from orchestrator.records import dataclass
from orchestrator.secrets.stores import Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a repository's changes lead to. ``keep`` and ``take_down`` get a stack's entry; ``look_again`` its name."""

    keep: Callable[[HostStack], object]
    release: Callable[[str], object]
    take_down: Callable[[str, bool], object]
    look_again: Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A source, who follows it, and the stacks that are kept of it."""

    source: GitHostSource
    follower: Follower
    stacks: tuple[str, ...]
    suspended: bool


_OF_A_SOURCE = "source "  # before its name among what is suspended; no stack's name has a space


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
        self._suspended, self._wall = suspended, wall
        self._directory = os.path.join(state, "git")
        self._board, self._hooks, self._key, self._chance = board, hooks, key, chance
        self._lock = threading.Lock()
        self._sources: dict[str, GitHostSource] = {}
        self._followers: dict[str, Follower] = {}
        self._stacks: dict[str, dict[str, Chosen]] = {}  # by source
        self._git_sources: dict[str, GitSource] = {}
        self._own: Mapping[str, HostStack] = {}
        self.claims: dict[
            str, dict[str, str]
        ] = {}  # by source: stacks of it that something else has, and what is wrong

    def follow(self, wanted: Mapping[str, GitHostSource], own: Mapping[str, HostStack]) -> None:
        """Follow these sources from now on, and no others. The stacks of the host file itself are its ``own``."""
        with self._lock:
            again = {name for name, claims in self.claims.items() if claims}
            if own.keys() != self._own.keys():
                again |= wanted.keys()
            self._own = own
            for stacks in self._stacks.values():
                for name in stacks.keys() & own.keys():
                    del stacks[name]  # its keeper is the host file's by now
        for name in self._sources.keys() - wanted.keys():
            self._forget(name)
        for name, source in wanted.items():
            if self._sources.get(name) != source:
                self._forget(name)
                try:
                    self._begin(source)
                except StackError as problem:  # it can never be fetched; the others go on
                    self._board.tell("", "source-failed", f"source {name}: {problem}", level="error")
        with self._lock:
            for name in again & wanted.keys():
                self._arrange_again(name)

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
        for stack in list(self._stacks[name]):
            self._git_sources[stack].ask_for()
            self._hooks.look_again(stack)

    def suspend(self, name: str, *, on: bool) -> None:
        """Take nothing new of a source from now on, over restarts too, or do so again. What is kept of it goes on being kept."""
        if name not in self._sources:
            raise _unknown(name)
        (self._suspended.add if on else self._suspended.discard)(f"{_OF_A_SOURCE}{name}")
        self._board.tell("", "source-suspended" if on else "source-resumed", f"source {name}: by hand")
        for stack in list(self._stacks[name]):
            self._hooks.look_again(stack)

    def is_suspended(self, name: str) -> bool:
        return f"{_OF_A_SOURCE}{name}" in self._suspended

    def shown(self) -> list[Shown]:
        """Every source as it stands, by name."""
        with self._lock:
            return [
                Shown(
                    source=self._sources[name],
                    follower=follower,
                    stacks=tuple(sorted(self._stacks[name])),
                    suspended=self.is_suspended(name),
                )
                for name, follower in sorted(self._followers.items())
            ]

    def heads(self) -> dict[str, Follower]:
        return dict(self._followers)

    def source(self, entry: HostStack) -> GitSource:
        """What the keeper of this stack loads from."""
        follower = self._followers[entry.source]
        chosen = self._stacks[entry.source][entry.name]
        made = GitSource(
            entry,
            follower,
            chosen.folder,
            self._key,
            overlays=chosen.overlays,
            environment=chosen.environment,
            gate=self._gate(self._sources[entry.source], entry),
            stores=self._stores.granted(entry.secret_stores),
            admitting=self._admitting(self._sources[entry.source]),
        )
        self._git_sources[entry.name] = made
        return made

    def entry(self, source: str, stack: str) -> HostStack:
        """A stack as its source has it kept."""
        return self._stacks[source][stack].entry

    def _gate(self, source: GitHostSource, entry: HostStack) -> Gate:
        return Gate(
            source=source.name,
            approve=source.approve,
            manual=source.sync == "manual",
            windows=entry.windows,
            suspended=lambda: self.is_suspended(source.name),
            wall=self._wall,
        )

    def _begin(self, source: GitHostSource) -> None:
        follower = Follower(
            repository(source, self._directory),
            Ref(source.branch, source.tag, source.semver, source.commit),
            interval=source.interval,
            changed=lambda: self._changed(source.name),
            chance=self._chance,
            how=Verify(source.verify),
            keys=source.keys,
            allow_rollback=source.allow_rollback,
        )
        self._sources[source.name], self._followers[source.name] = source, follower
        self._stacks.setdefault(source.name, {})
        if follower.head is not None:
            with self._lock:
                self._arrange(source, follower.head)
        follower.start()

    def _forget(self, name: str) -> None:
        follower = self._followers.pop(name, None)
        if follower is not None:
            follower.stop()
        self._sources.pop(name, None)
        self.claims.pop(name, None)
        for stack in self._stacks.pop(name, {}):
            self._hooks.release(stack)

    def _changed(self, name: str) -> None:
        """In the follower's thread: a new head, or trouble."""
        with self._lock:
            source, follower = self._sources.get(name), self._followers.get(name)
            if source is None or follower is None:
                return
            if follower.trouble is not None:
                self._board.tell("", "source-failed", f"source {name}: {follower.trouble}", level="error")
                return
            assert follower.head is not None
            self._board.tell("", "commit", f"source {name}: {follower.ref} is at {follower.head.commit[:12]}")
            self._arrange(source, follower.head)
            follower.repository.forget(
                [
                    follower.head.commit,
                    *(commit for stack in self._stacks[name] for commit in self._git_sources[stack].commits),
                ]
            )

    def _arrange(self, source: GitHostSource, head: Head) -> None:
        selection = selected(head.place, source)
        wanted = self._unclaimed(source, selection)
        known = self._stacks[source.name]
        gone = known.keys() - wanted.keys()
        if not selection.stacks and not selection.elsewhere and known:
            self._board.tell(
                "",
                "source-empty",
                f"source {source.name}: commit {head.commit[:12]} has no stack in {source.path}; what runs goes on",
                level="error",
            )
            return
        self._stacks[source.name] = {**wanted, **{name: known[name] for name in gone if not source.prune}}
        for name, chosen in wanted.items():
            if known.get(name) != chosen:
                self._hooks.keep(chosen.entry)
            else:
                self._hooks.look_again(name)
        for name in gone:
            self._leave(source, name, selection)
        if gone and source.prune:
            for other in self._sources.keys() - {source.name}:
                if gone & self.claims.get(other, {}).keys():
                    self._arrange_again(other)

    def _arrange_again(self, name: str) -> None:
        """What something else has claimed so far may be free by now, and what was free claimed."""
        source, follower = self._sources.get(name), self._followers.get(name)
        if source is not None and follower is not None and follower.head is not None:
            self._arrange(source, follower.head)

    def _unclaimed(self, source: GitHostSource, selection: Selection) -> dict[str, Chosen]:
        """The stacks that are this source's to have. Who was first keeps a name; the host file itself always does."""
        claims: dict[str, str] = {}
        for name, chosen in selection.stacks.items():
            other = self._claimant(name, source.name)
            if other:
                claims[name] = (
                    f'two places claim the stack "{name}": {other} has it; '
                    f"{chosen.folder} of source {source.name} ({source.where}) does not get it"
                )
        for name in claims.keys() - self.claims.get(source.name, {}).keys():
            self._board.tell("", "claimed-twice", claims[name], level="error")
        self.claims[source.name] = claims
        return {name: chosen for name, chosen in selection.stacks.items() if name not in claims}

    def _claimant(self, name: str, source: str) -> str:
        """What else has a stack of that name, and where that is said; "" for nothing."""
        if name in self._own:
            return f"the host file ({self._own[name].where})"
        for other, stacks in self._stacks.items():
            if other != source and name in stacks:
                return f"{stacks[name].folder} of source {other} ({self._sources[other].where})"
        return ""

    def _leave(self, source: GitHostSource, name: str, selection: Selection) -> None:
        why = f"no longer in source {source.name}"
        if name in selection.elsewhere:
            why = f"for {', '.join(selection.elsewhere[name])} by now, which is not {source.host}"
        if not source.prune:
            self._board.tell(name, "left", f"{why}; it goes on as it was (prune: false)", level="warning")
            return
        try:
            self._hooks.take_down(name, source.prune_volumes)
        except StackError as problem:
            self._board.tell(name, "failed", f"not taken down: {problem.message}", level="error")
