"""Which stacks of a checkout a source wants on this host, and which files each of them is made from.

Folders are found by layout; what ``host.yml`` lists is added, ``only`` and ``except`` choose among the rest, and a spec that names
hosts (``x-stack: {hosts: [web1, "db*"]}``) is for these alone. An environment chooses the files beside a spec that bear its name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from orchestrator.beneath import Beneath, Outside
from orchestrator.gitops import loading
from orchestrator.gitops.discovery import discovered
from orchestrator.model.host import GitHostSource, HostStack
from orchestrator.records import dataclass, field, replace
from orchestrator.spec import files
from orchestrator.spec.limits import DEFAULTS

_STEMS = ("app", "compose", "docker-compose")
_ENDS = ("yml", "yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One stack: the ``folder`` in the repository that it lies in, and how its host keeps it."""

    folder: str
    entry: HostStack
    overlays: tuple[str, ...] = ()
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a source wants of a commit, by name. ``elsewhere`` are stacks for other hosts, with the hosts that they name;
    of those that are ``unread`` nobody knows yet, because the machine was short of something.
    """

    stacks: Mapping[str, Chosen] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


def selected(place: str, source: GitHostSource) -> Selection:
    """What ``source`` wants of the checkout at ``place``. What cannot be read is wanted: its trouble is to be seen."""
    stacks: dict[str, Chosen] = {}
    elsewhere: dict[str, tuple[str, ...]] = {}
    unread: dict[str, str] = {}
    for one in _candidates(place, source):
        paths = spec_files(os.path.join(place, one.folder), one.environment, one.overlays)
        try:
            hosts = hosts_of(paths, place)
        except loading.ReadingEnded as problem:
            unread[one.entry.name] = problem.message
            continue
        if is_here(hosts, source.host):
            stacks[one.entry.name] = one
        else:
            elsewhere[one.entry.name] = hosts
    return Selection(stacks=stacks, elsewhere=elsewhere, unread=unread)


class Selections:
    """What was found out last, by source: asked once without haste, it is at hand for who must not wait. Safe from any thread."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[GitHostSource, str, Selection]] = {}

    def of(self, source: GitHostSource, place: str) -> Selection:
        """What ``source`` wants of the checkout at ``place``: specs may have to be read for it, as long as they have it take."""
        last = self._last.get(source.name)
        if last is None or last[:2] != (source, place):
            last = self._last[source.name] = (source, place, selected(place, source))
        return last[2]

    def forget(self, name: str) -> None:
        self._last.pop(name, None)


def _candidates(place: str, source: GitHostSource) -> Iterable[Chosen]:
    for name, listed in source.listed.items():
        yield chosen(name, listed.folder, source)
    taken = {os.path.normpath(listed.folder) for listed in source.listed.values()}
    for name, folder in discovered(place, source.path, source.url).items():
        if name in source.listed or os.path.normpath(folder) in taken or not _is_meant(name, source):
            continue
        yield chosen(name, folder, source)


def chosen(name: str, folder: str, source: GitHostSource) -> Chosen:
    """The stack of that name in a ``folder``, kept as the source, or what it lists by that name, says."""
    says = source.listed.get(name)
    return Chosen(
        folder=folder,
        entry=replace(says.settings if says else source.settings, name=name, source=source.name, prune=source.prune),
        overlays=says.overlays if says else source.overlays,
        environment=says.environment if says else source.environment,
    )


def _is_meant(name: str, source: GitHostSource) -> bool:
    if source.only and not _matches(name, source.only):
        return False
    return not _matches(name, source.excluded)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def is_here(hosts: Iterable[str], host: str) -> bool:
    """Whether a stack that names ``hosts`` is for this one. One that names none is for all."""
    named = tuple(hosts)
    return not named or _matches(host, named)


def spec_files(folder: str, environment: str, overlays: Iterable[str] = ()) -> tuple[str, ...]:
    """The spec of ``folder``, with the overlay of the environment and the named ones where they exist; () without a spec."""
    main = next((name for name in files.NAMES if os.path.isfile(os.path.join(folder, name))), None)
    if main is None:
        return ()
    stems = sorted(_STEMS, key=lambda stem: stem != main.rpartition(".")[0])
    beside = (f"{stem}.{environment}.{end}" for stem in stems for end in _ENDS) if environment else ()
    of_environment = next((name for name in beside if os.path.isfile(os.path.join(folder, name))), None)
    more = (*((of_environment,) if of_environment else ()), *overlays)
    paths = (os.path.join(folder, name) for name in dict.fromkeys(more))
    return (os.path.join(folder, main), *(path for path in paths if os.path.isfile(path)))


def env_files(folder: str, environment: str) -> tuple[str, ...]:
    """The files of variables of an environment beside a spec, behind the ``.env`` for all of them; () where it has none."""
    if not environment:
        return ()
    own = [path for name in (f".env.{environment}", f"{environment}.env") if os.path.isfile(path := _in(folder, name))]
    return (*([_in(folder, ".env")] if os.path.isfile(_in(folder, ".env")) else ()), *own) if own else ()


def _in(folder: str, name: str) -> str:
    return os.path.join(folder, name)


def hosts_of(paths: Iterable[str], place: str) -> tuple[str, ...]:
    """The hosts that the specs name, as they are written; () for none, and where a file cannot be read.

    Most files name none, which their bytes tell; the others are read by the process that reads all specs of strangers.
    """
    within = Beneath(place)
    naming = [path for path in paths if _may_name_hosts(path, within)]
    return loading.hosts(naming, place) if naming else ()


def _may_name_hosts(path: str, within: Beneath) -> bool:
    try:
        data = within.read(path, DEFAULTS.file_bytes + 1)
    except (OSError, Outside):
        return False
    return b"x-stack" in data and b"hosts" in data
