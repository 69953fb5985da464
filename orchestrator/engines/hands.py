"""What people do to one container with their own hands: attach to it, copy in and out, commit, export, measure, wait.

No desired state and no plan is involved; the engine does at once what is asked, and the answer goes to the person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from orchestrator.cancel import CancelToken
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """Be at a container's own process.

    ``start`` is called once nothing can be missed any more; ``until`` is what counts as the end: ``not-running``,
    ``next-exit`` (a container that is started now) or ``removed`` (one that the engine removes when it ends).
    ``input_ends``: the end of our input is the end of the process's.
    """

    container: str
    tty: bool = False
    stdin: bool = True
    start: Callable[[], None] | None = None
    until: str = "not-running"
    proxy_signals: bool = True
    input_ends: bool = True
    detach_keys: str = ""
    cancel: CancelToken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an attachment has to know of its container."""

    id: str
    tty: bool = False
    stdin_open: bool = False
    stdin_once: bool = False
    running: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFacts:
    """A path in a container. ``target`` is where it leads if it is a link."""

    name: str
    folder: bool = False
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    container: str
    reference: str = ""
    author: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a container uses at one moment. Bytes; ``cpu`` and ``memory_share`` in percent."""

    cpu: float = 0.0
    memory: float = 0.0
    memory_limit: float = 0.0
    memory_share: float = 0.0
    received: int = 0
    sent: int = 0
    read: int = 0
    written: int = 0
    processes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Something the engine tells of a container. ``moment`` in nanoseconds since 1970."""

    moment: int
    action: str
    container: str
    attributes: Mapping[str, str]


class Closing(Protocol):
    """Something that goes on until it ends or ``close`` is called, from any thread."""

    def close(self) -> None: ...


class Measures(Closing, Protocol):
    def __iter__(self) -> Iterator[Measured]: ...


class Hearing(Closing, Protocol):
    def __iter__(self) -> Iterator[Heard]: ...


class Hands(Protocol):
    """Raises EngineError. ``container`` is an id or a name."""

    def attach(self, wish: Attachment) -> int | None:
        """The exit code of the container, ``None`` when left by the detach keys."""
        ...

    def facts(self, container: str) -> Facts: ...

    def wait(self, container: str) -> int:
        """The exit code of a container, once it does not run."""
        ...

    def path(self, container: str, path: str) -> PathFacts | None:
        """``None`` where there is nothing."""
        ...

    def take(self, container: str, path: str) -> Iterable[bytes]:
        """What is at ``path``, as a tar."""
        ...

    def put(self, container: str, folder: str, archive: Iterable[bytes], *, keep_owners: bool = False) -> None:
        """Unpack a tar in a folder of the container."""
        ...

    def export(self, container: str) -> Iterable[bytes]:
        """The whole file system, as a tar."""
        ...

    def commit(self, wish: Commit) -> str:
        """Make an image of the container; its id."""
        ...

    def measure(self, container: str, *, once: bool = False) -> Measures:
        """What the container uses, again and again; the first answer already covers a moment."""
        ...

    def events(self, stack: str, *, since: str = "", until: str = "") -> Hearing:
        """What happens to a stack's containers; times as the engine takes them."""
        ...
