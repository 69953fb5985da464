"""Which stacks a source has, remembered over restarts, and which of them its repository no longer has.

A ``Known`` is a small file of the state directory. It counts only as long as the host file asks the source for the same stacks:
what somebody takes out of the host file is let go, never taken for removed from the repository. What cannot be read counts as
nothing, so that nothing is ever taken down because of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from orchestrator.gitops.notes import read_note, write_note
from orchestrator.gitops.selection import Chosen, Selection, chosen
from orchestrator.model.host import GitHostSource, HostStack, Mode
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, replace

_PREFIX = "known-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A stack that a repository no longer has for this host since ``commit``, and ``why``.

    ``among`` are the stacks that went together where these are more than half ``of`` those of the source: then each needs
    somebody's word. ``agreed``: somebody gave it.
    """

    commit: str
    why: str
    among: tuple[str, ...] = ()
    of: int = 0
    agreed: bool = False


class Known:
    """The stacks of one source, those that are ``leaving`` among them. May be asked from any thread. ``say`` hears why they
    cannot be remembered.
    """

    def __init__(self, directory: str, source: GitHostSource, say: Callable[[str], object]) -> None:
        self._path, self._source, self._say = os.path.join(directory, _PREFIX + source.name), source, say
        self._lock = threading.Lock()
        self.stacks, self.leaving = self._remembered()

    def become(self, stacks: Mapping[str, Chosen], leaving: Mapping[str, Leaving]) -> None:
        with self._lock:
            before = self._document()
            self.stacks, self.leaving = dict(stacks), dict(leaving)
            if self._document() != before:
                self._write()

    def agree(self, name: str) -> None:
        """Somebody agrees that this stack goes."""
        with self._lock:
            if name in self.leaving:
                self.leaving = {**self.leaving, name: replace(self.leaving[name], agreed=True)}
                self._write()

    def drop(self, names: Collection[str]) -> None:
        """They are none of this source's any more."""
        self.become(
            {name: one for name, one in self.stacks.items() if name not in names},
            {name: one for name, one in self.leaving.items() if name not in names},
        )

    def without(self, gone: Mapping[str, str], commit: str) -> dict[str, Leaving]:
        """What leaves, when the stacks ``gone`` are no longer there for this host, each for its reason."""
        among = tuple(sorted(gone)) if len(gone) * 2 > len(self.stacks) else ()
        found = {}
        for name, why in gone.items():
            known = self.leaving.get(name)
            if known is None:
                known = Leaving(commit=commit, why=why)
            if among and not known.agreed:
                known = replace(known, among=among, of=len(self.stacks))
            found[name] = replace(known, why=why)
        return found

    def _remembered(self) -> tuple[dict[str, Chosen], dict[str, Leaving]]:
        try:
            found = json.loads(read_note(self._path) or "{}")
            if found.get("asked") != _asked(self._source):
                return {}, {}
            leaving = {
                str(name): Leaving(**{**one, "among": tuple(one["among"])}) for name, one in found["leaving"].items()
            }
            stacks = {str(name): chosen(name, folder, self._source) for name, folder in found["stacks"].items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            return {}, {}
        return stacks, leaving

    def _document(self) -> dict[str, Any]:
        return {
            "asked": _asked(self._source),
            "stacks": {name: one.folder for name, one in self.stacks.items()},
            "leaving": {
                name: {
                    "commit": one.commit,
                    "why": one.why,
                    "among": list(one.among),
                    "of": one.of,
                    "agreed": one.agreed,
                }
                for name, one in self.leaving.items()
            },
        }

    def _write(self) -> None:
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            write_note(self._path, json.dumps(self._document()))
        except OSError as problem:
            self._say(f"source {self._source.name}: which stacks it has cannot be remembered: {problem}")


def has_nothing(source: GitHostSource, selection: Selection, missing: Collection[str]) -> bool:
    """Whether stacks are ``missing``, not for being other hosts' by now, from a commit that has none at all but for those that the
    host file names itself."""
    if not set(missing) - selection.elsewhere.keys():
        return False
    found = selection.stacks.keys() | selection.elsewhere.keys() | selection.unread.keys()
    return not found - source.listed.keys()


def nothing_in(source: GitHostSource, selection: Selection, missing: Collection[str], commit: str) -> str:
    """That a commit has no stack, "" where it has one, be it for another host."""
    if has_nothing(source, selection, missing):
        return f"commit {commit[:12]} has no stack in {source.path}; what runs goes on"
    if selection.stacks or selection.elsewhere or selection.unread:
        return ""
    chosen_by = " that `only` and `except` let in" if source.only or source.excluded else ""
    return f"commit {commit[:12]} has no stack in {source.path}{chosen_by}"


def why_gone(source: GitHostSource, one: Chosen, selection: Selection, place: str) -> str:
    """Why a stack is no longer this host's, "" where that is not sure: a folder without a spec is no word to remove anything."""
    name = one.entry.name
    if name in selection.elsewhere:
        return f"for {', '.join(selection.elsewhere[name])} by now, which is not {source.host}"
    if os.path.lexists(os.path.join(place, one.folder)):
        return ""
    return f"no longer in source {source.name}"


def parting(*, volumes: bool) -> Policy:
    """How what a repository no longer has is taken down: all of it, volumes only where the host's file says so."""
    return Policy(remove_orphans=True, remove_networks=True, remove_volumes=volumes, destroy_data=volumes)


def why_it_stays(source: GitHostSource, entry: HostStack) -> str:
    """What in the host file keeps a stack from being taken down that its repository no longer has; "" for nothing."""
    if not source.prune:
        return "prune: false"
    return "" if entry.mode is Mode.ENFORCE else f"mode: {entry.mode}"


def forget_others(directory: str, sources: Collection[str]) -> None:
    """Sources that the host file no longer has are not remembered: what they left is nobody's."""
    try:
        names = [name for name in os.listdir(directory) if name.startswith(_PREFIX)]
    except OSError:
        return
    for name in names:
        if name.removeprefix(_PREFIX) not in sources:
            with suppress(OSError):
                os.unlink(os.path.join(directory, name))


def _asked(source: GitHostSource) -> str:
    """A digest of what the host file says about which stacks a source has."""
    what = (
        (source.url, source.branch, source.tag, source.semver, source.commit, source.path, source.host),
        (sorted(source.only), sorted(source.excluded)),
        sorted((name, listed.folder) for name, listed in source.listed.items()),
    )
    return hashlib.sha256(repr(what).encode()).hexdigest()
