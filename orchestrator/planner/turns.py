"""A slot's turn in a rollout, and what decides how turns may follow each other. Facts only; the order is made in ``rollout``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.model.observed import ObservedContainer, State
from orchestrator.model.stack import Service, Stack
from orchestrator.planner.containers import Life
from orchestrator.planner.draft import Id
from orchestrator.planner.verdicts import SlotVerdict
from orchestrator.records import dataclass, field


@dataclass(slots=True)
class Turn:
    """A slot's turn: the container that will hold it, and the one that has to go (``old``)."""

    judged: SlotVerdict
    life: Life
    group: str
    old: ObservedContainer | None = None
    stopped: Id | None = None  # the old one stopped
    cleared: tuple[Id, ...] = ()  # surplus of this slot stopped

    @property
    def place(self) -> str:
        return f"{self.life.service.name}.{self.judged.slot}"


@dataclass(slots=True)
class Turns:
    """All turns of a service, and the steps that others have to wait for before its old containers go."""

    service: Service
    turns: list[Turn] = field(default_factory=list)
    keeps_old_until: set[Id] = field(default_factory=set)

    def of_kind(self, *kinds: type) -> list[Turn]:
        return [turn for turn in self.turns if isinstance(turn.judged.verdict, kinds)]


def is_up(life: Life) -> bool:
    return life.observed is not None and life.observed.state in (State.RUNNING, State.RESTARTING)


def is_paused(life: Life) -> bool:
    return life.observed is not None and life.observed.state is State.PAUSED


def obstacle(service: Service, stack: Stack) -> str:
    """Why old and new cannot run beside each other; "" where they can."""
    settings = service.container
    if service.container_name:
        return f'its container is called "{service.container_name}"'
    alone = [mount.key for mount in settings.mounts if mount.key and _is_exclusive(stack, mount.key)]
    if alone:
        return f'volume "{alone[0]}" is exclusive'
    published = [port.published for port in settings.ports if port.published not in ("", "0")]
    fixed = [port for port in published if not _has_room(port, service)]
    if fixed:
        return f"it publishes host port {fixed[0]}"
    if any(how.ipv4_address or how.ipv6_address for how in settings.networks.values()):
        return "it has an address of its own"
    return ""


def _is_exclusive(stack: Stack, key: str) -> bool:
    volume = stack.volumes.get(key)
    return volume is not None and volume.exclusive


def _has_room(published: str, service: Service) -> bool:
    """Whether a range of host ports holds a port for every old and every new container."""
    first, _, last = published.partition("-")
    at_once = service.rollout.parallelism or service.replicas
    return bool(last) and int(last) - int(first) + 1 >= service.replicas + min(at_once, service.replicas)


def batches(turns: Sequence[Turn], size: int) -> Iterator[Sequence[Turn]]:
    step = size or max(1, len(turns))
    for begin in range(0, len(turns), step):
        yield turns[begin : begin + step]
