"""What people ask of an engine beside the state of a stack: lists, logs, processes, a command in a container.

Nothing here decides about a stack; ``ps``, ``logs``, ``exec`` and their kin look through it. One list call answers
a list: no container is asked on its own for what the list already says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from orchestrator.model import naming
from orchestrator.model.probe import Probe
from orchestrator.records import dataclass, field

STDOUT, STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class Publisher:
    """A container port and where the host publishes it; ``published`` 0 where it does not."""

    url: str
    target: int
    published: int
    protocol: str

    def __str__(self) -> str:
        if not self.published:
            return f"{self.target}/{self.protocol}"
        host = f"[{self.url}]" if ":" in self.url else self.url
        return f"{host}:{self.published}->{self.target}/{self.protocol}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One container as a list call reports it. ``created`` counts seconds since 1970."""

    id: str
    name: str
    image: str = ""
    image_id: str = ""
    command: str = ""
    created: int = 0
    state: str = ""
    status: str = ""
    publishers: tuple[Publisher, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    local_volumes: int = 0

    @property
    def stack(self) -> str:
        return self.labels.get(naming.PROJECT, "")

    @property
    def service(self) -> str:
        return self.labels.get(naming.SERVICE, "")

    @property
    def slot(self) -> int:
        number = self.labels.get(naming.NUMBER, "")
        return int(number) if number.isascii() and number.isdigit() else 0

    @property
    def oneoff(self) -> bool:
        return self.labels.get(naming.ONEOFF, "") == "True"

    @property
    def running(self) -> bool:
        return self.state in ("running", "paused", "restarting")

    @property
    def health(self) -> str:
        """From the status text: ``Up 2 minutes (healthy)``."""
        for word, health in (
            ("(healthy)", "healthy"),
            ("(unhealthy)", "unhealthy"),
            ("(health: starting)", "starting"),
        ):
            if word in self.status:
                return health
        return ""

    @property
    def exit_code(self) -> int:
        """From the status text: ``Exited (3) 2 minutes ago``."""
        _, opened, rest = self.status.partition("(")
        number = rest.partition(")")[0]
        return int(number) if opened and number.lstrip("-").isdigit() and not self.running else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWish:
    """What to read of a container's log. Times as the engine takes them; ``tail`` a number or "all"."""

    container: str
    follow: bool = False
    tail: str = "all"
    since: str = ""
    until: str = ""
    timestamps: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Lines of a container that came together, the last without its end; ``whole`` False for a piece of a very long one."""

    container: str
    content: bytes
    stream: int = STDOUT
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Silent:
    """The container has no more to say."""

    container: str
    problem: str = ""


class Logs(Protocol):
    """Lines of many containers in the order they arrive."""

    def add(self, wish: LogWish) -> None: ...

    def finish_adding(self) -> None: ...

    def close(self) -> None: ...

    def __iter__(self) -> Iterator[Said | Silent]: ...


@dataclass(frozen=True, slots=True)
class Happened:
    """A container began (``start``) or ended (``die``)."""

    container: str
    action: str
    service: str = ""
    name: str = ""


class Happenings(Protocol):
    """What happens to a stack's containers from now on; ``close`` ends the iteration from any thread."""

    def __iter__(self) -> Iterator[Happened]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container fares that had no more to say. ``running``: it is up again (or still)."""

    exit_code: int = 0
    running: bool = False
    restarting: bool = False
    started_at: str = ""  # of its latest run, by the engine's clock
    ended_at: str = ""  # of the latest run that ended

    @property
    def lines_since(self) -> str:
        """From when on lines are of the latest run. A process may print before the engine notes that it has started."""
        return self.ended_at if self.running else self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A command to run in a container. ``environment`` holds ``NAME=value``."""

    container: str
    command: tuple[str, ...]
    environment: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    tty: bool = False
    stdin: bool = True
    detach: bool = False
    privileged: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is to be in containers as it is here: ``copies`` pairs a path here with one there, ``removals`` are paths there."""

    copies: tuple[tuple[str, str], ...] = ()
    removals: tuple[str, ...] = ()


class Sync(Protocol):
    """Brings files into running containers, again and again."""

    def bring(self, containers: Sequence[str], transfer: Transfer) -> None:
        """A container that has gone meanwhile is nobody's trouble."""
        ...


@dataclass(frozen=True, slots=True)
class Processes:
    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """``digests`` are the names under which registries know it: ``repository@sha256:...``."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    platform: str = ""
    size: int = 0
    created: str = ""
    tagged: str = ""


class Console(Protocol):
    """Asked by the commands that look. Raises EngineError."""

    def containers(self, *, labels: Iterable[str] = (), everything: bool = True) -> tuple[Listed, ...]:
        """Containers that carry all ``labels`` (``key`` or ``key=value``); stopped ones too if ``everything``."""
        ...

    def logs(self) -> Logs: ...

    def execute(self, wish: Execution) -> int:
        """Run a command on the caller's own terminal or pipes; its exit code."""
        ...

    def happenings(self, stack: str) -> Happenings: ...

    def ended(self, container: str) -> Ended: ...

    def processes(self, container: str) -> Processes: ...

    def probed(self, probes: Mapping[str, Probe]) -> dict[str, str]:
        """Container ids to what one look at each says: healthy, starting, unhealthy. Whom nobody can reach from here without
        help is left out."""
        ...

    def image(self, image_id: str) -> ImageFacts: ...

    def sync(self) -> Sync: ...

    def images(self, pattern: str) -> tuple[ImageFacts, ...]:
        """Images with a name that fits ``pattern`` (``*`` stands for anything but a slash); one list call."""
        ...

    def last_lines(self, container: str, count: int) -> tuple[str, ...]:
        """What a container said last, without what could move a cursor; nothing where its log cannot be read."""
        ...
