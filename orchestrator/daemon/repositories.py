"""The git sources of a host: a follower for each, and which stacks come and go with its commits.

A stack that is new in a repository is kept from then on. One that has gone is taken down only where the source says ``prune``, and
only if the repository still has other stacks: an empty or unreadable one never means that everything should go.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from orchestrator.admission.guard import Admitting
from orchestrator.controller.status import Board
from orchestrator.daemon.overrides import Suspended
from orchestrator.errors import NotFound, StackError
from orchestrator.gitops.discovery import discovered
from orchestrator.gitops.gate import Gate
from orchestrator.gitops.hosted import repository
from orchestrator.gitops.repository import Ref
from orchestrator.gitops.signatures import Verify
from orchestrator.gitops.source import Follower, GitSource, Head
from orchestrator.model.host import GitHostSource, HostStack
from orchestrator.records import dataclass, replace
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
        self._stacks: dict[str, dict[str, str]] = {}  # source -> stack -> its folder
        self._git_sources: dict[str, GitSource] = {}

    def follow(self, wanted: Mapping[str, GitHostSource]) -> None:
        """Follow these sources from now on, and no others."""
        for name in self._sources.keys() - wanted.keys():
            self._forget(name)
        for name, source in wanted.items():
            if self._sources.get(name) != source:
                self._forget(name)
                self._begin(source)

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
        made = GitSource(
            entry,
            follower,
            self._stacks[entry.source][entry.name],
            self._key,
            overlays=self._sources[entry.source].overlays,
            gate=self._gate(self._sources[entry.source], entry),
            stores=self._stores.granted(entry.secret_stores),
            admitting=self._admitting(self._sources[entry.source]),
        )
        self._git_sources[entry.name] = made
        return made

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
            self._arrange(source, follower.head)
        follower.start()

    def _forget(self, name: str) -> None:
        follower = self._followers.pop(name, None)
        if follower is not None:
            follower.stop()
        self._sources.pop(name, None)
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
        found = discovered(head.place, source.path)
        wanted = {name: path for name, path in found.items() if not source.only or name in source.only}
        known = self._stacks[source.name]
        gone = known.keys() - wanted.keys()
        if not wanted and known:
            self._board.tell(
                "",
                "source-empty",
                f"source {source.name}: commit {head.commit[:12]} has no stack in {source.path}; what runs goes on",
                level="error",
            )
            return
        self._stacks[source.name] = {**wanted, **{name: known[name] for name in gone if not source.prune}}
        for name, path in wanted.items():
            if known.get(name) != path:
                self._hooks.keep(replace(source.settings, name=name, source=source.name, prune=source.prune))
            else:
                self._hooks.look_again(name)
        for name in gone:
            self._leave(source, name)

    def _leave(self, source: GitHostSource, name: str) -> None:
        if not source.prune:
            self._board.tell(
                name, "left", f"no longer in source {source.name}; it goes on as it was (prune: false)", level="warning"
            )
            return
        try:
            self._hooks.take_down(name, source.prune_volumes)
        except StackError as problem:
            self._board.tell(name, "failed", f"not taken down: {problem.message}", level="error")
