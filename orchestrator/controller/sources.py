"""Where the controller gets a stack's desired state from. A source is asked before every pass, so that no pass works on what is
outdated.

``LocalSource`` reads files of this host. A source with versions of its own (a repository's commits) also says what is newer than
what is kept, and hears whether what was taken of it runs well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from typing import Protocol

from orchestrator.errors import NotFound, SpecError, Where
from orchestrator.model.host import HostStack
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass, field
from orchestrator.secrets.decrypting import loaded
from orchestrator.secrets.keys import of_host
from orchestrator.secrets.stores import NO_STORES, Granted
from orchestrator.spec import files
from orchestrator.spec.interpolate import SpecWarning
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical, stack_of

TYPE_CHECKING = False  # see main
if TYPE_CHECKING:
    from orchestrator.engines.base import Engine
    from orchestrator.engines.gate import Gate

Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A stack, the model it was made from, and what tells this version of it from others (a commit), "" where nothing does.

    Where it is not what the source says but an earlier revision that was gone back to, ``returns_to`` is its number. ``origin`` is
    what the history notes of where it came from: ``commit``, ``repository``, ``ref``. ``gone`` and
    ``gone_networks`` are services and networks of a version that was gone back from: their containers go, and what nobody uses of
    the networks. ``guard`` is of those that come from elsewhere: the stack is
    hardened, and whatever is sent to the engine for it passes a gate.
    """

    stack: Stack
    canonical: Canonical | None = None
    version: str = ""
    returns_to: int | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    gone_networks: frozenset[str] = frozenset()
    guard: Guard | None = field(default=None, compare=False)

    @property
    def warnings(self) -> tuple[SpecWarning, ...]:
        """What its files say without effect, and the like."""
        return self.canonical.warnings if self.canonical is not None else ()


class Guard(Protocol):
    """Of a stack from elsewhere: what is required of it is added, and nothing forbidden reaches the engine."""

    @property
    def gate(self) -> Gate: ...

    def hardened(self, stack: Stack) -> Stack: ...


def through(engine: Engine, wanted: Wanted | None) -> Engine:
    """The engine as it may be used for what is wanted: through its gate, where there is one."""
    return engine if wanted is None or wanted.guard is None else engine.guarded(wanted.guard.gate)


class Why(StrEnum):
    """Why a newer version is not the one that is kept."""

    WAITING = "waiting"  # for somebody's word, or for a window
    INVALID = "invalid"  # it cannot be used
    FAILED = "failed"  # it was tried and gone back from, or could not be prepared
    LEFT = "left"  # there is no newer version: the repository no longer has the stack, and what is kept stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """A version that is newer than what is kept: ``why`` it is not kept, in a word and in a sentence. ``approvable``: somebody's
    word lets it in. ``changes`` and ``summary`` are what it would change, once that was found out. ``retry_in``: after so many
    seconds it may be another matter.
    """

    version: str
    why: Why
    message: str
    reference: str = ""
    where: Where | None = None
    approvable: bool = False
    retry_in: float = field(default=float("inf"), compare=False)
    changes: int = 0
    summary: str = ""


class Withheld(SpecError):
    """Nothing is to be kept yet: the first version there is waits, or cannot be used."""

    reference = "waits"


class Source(Protocol):
    """One stack's desired state. What has no versions of its own need not answer but ``load`` and ``places``."""

    def load(self) -> Wanted:
        """What is to be kept. Raises SpecError where it cannot be used; the last good one then goes on running."""
        ...

    def places(self) -> tuple[str, ...]:
        """Files whose change, or coming, means that ``load`` may answer something else."""
        ...

    @property
    def outdated(self) -> bool:
        """Whether there is something that somebody elsewhere wrote and that was not read yet, which may take long (``read``)."""
        return False

    @property
    def doubtful(self) -> bool:
        """Whether what was read, or could not be, is worth another reading."""
        return False

    @property
    def ready(self) -> bool:
        """Whether ``load`` answers although something is not read yet."""
        return True

    def read(self) -> None:
        """Read what is new, first what ``load`` needs; meanwhile the other questions are answered by what was read before."""
        return  # an empty body would make it abstract

    def candidate(self) -> Wanted | None:
        """A newer version, not kept yet: to be taken once everything it needs is there, unless ``newer`` says why not."""
        return None

    def newer(self) -> Newer | None:
        """Why the newest version is not the one that is kept; None where it is, or may be."""
        return None

    def take(self, candidate: Wanted) -> None:
        """From now on ``load`` answers with it."""
        del candidate

    def proven(self) -> None:
        """What ``load`` answers with was brought about and runs well."""
        return  # an empty body would make it abstract

    def failed(self, message: str, services: Iterable[str] = (), *, unproven: bool = False) -> bool:
        """What ``load`` answered with did not come up, or these services of it do not do well. Whether ``load`` now answers with
        what did. ``unproven``: only if it never ran well."""
        del message, services, unproven
        return False

    def approve(self, version: str = "") -> str:
        """Somebody agrees to the newest version, or to this one; which it is. Raises NotFound where nothing waits, or another."""
        del version
        raise NotFound("nothing waits for approval", reference="nothing-waits")

    def force(self) -> None:
        """Take the newest version whatever holds it back, once."""
        return  # as above


class LocalSource(Source):
    """Files of this host, read again when one of them has changed. ``key`` makes the digests of what configs and secrets hold;
    ``store_folder`` is where external ones are, "" for the usual place.
    """

    def __init__(
        self, entry: HostStack, key: Callable[[], bytes], store_folder: str = "", stores: Granted = NO_STORES
    ) -> None:
        self._entry, self._key, self._store_folder, self._stores = entry, key, store_folder, stores
        self._seen: dict[str, int] = {}
        self._known: Wanted | None = None
        self._stamp: Stamp = ()

    def load(self) -> Wanted:
        if self._known is None or self._stamp != _stamp(self._read_from(self._known.stack)) or self._stored_anew():
            self._known = None
            canonical, stack = loaded(
                self._request(), partial(of_host, self._entry.decryption), self._made, self._stores
            )
            self._seen = self._stores.versions(stack.stored)
            # Taken after the files were read: what changed meanwhile is told by those who watch them.
            self._known, self._stamp = Wanted(stack=stack, canonical=canonical), _stamp(self._read_from(stack))
        return self._known

    def _made(self, request: LoadRequest) -> tuple[Canonical, Stack]:
        canonical = load_canonical(request)
        return canonical, stack_of(canonical, key=self._key(), disk=request.disk, store_folder=self._store_folder)

    def _stored_anew(self) -> bool:
        """Whether a store has another value by now."""
        return self._stores.versions(self._seen) != self._seen

    def places(self) -> tuple[str, ...]:
        entry = self._entry
        if entry.files:
            return entry.files
        return tuple(os.path.join(entry.directory, name) for name in (*files.NAMES, *files.OVERRIDES, ".env"))

    def _read_from(self, stack: Stack) -> Iterator[str]:
        """Every file behind the stack, and their folders: a file that comes changes its folder."""
        yield from self.places()
        folders = set()
        for path in stack.sources:
            yield path
            folders.add(os.path.dirname(path))
        yield from folders
        for service in stack.services.values():
            for grant in service.container.files:
                if grant.source:
                    yield grant.source

    def _request(self) -> LoadRequest:
        entry = self._entry
        return LoadRequest(
            files=entry.files,
            environment=dict(entry.variables),
            current_directory=entry.directory,
            project_name=entry.name,
            env_files=entry.env_files,
            profiles=entry.profiles,
        )


def _stamp(paths: Iterable[str]) -> Stamp:
    found = []
    for path in sorted(set(paths)):
        try:
            about = os.stat(path)
        except OSError:
            found.append((path, 0, 0, 0))
        else:
            found.append((path, about.st_mtime_ns, about.st_size, about.st_ino))
    return tuple(found)
