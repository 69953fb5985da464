"""Verdicts: per slot of a service, what is wrong with it and why. Which steps mend it, and when, is decided elsewhere.

The containers found in a slot (often one; more after a crash in a rollout) and the wish come in; one ``Verdict`` goes
out, beside the removals of those that are one too many.
"""

from __future__ import annotations

from orchestrator.model.actions import UpdateContainer
from orchestrator.model.observed import Endpoint, ObservedContainer
from orchestrator.model.plan import Difference
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Mends:
    """What is put right on a container in place: limits, restart policy, networks."""

    update: UpdateContainer | None = None
    detach: tuple[Endpoint, ...] = ()
    attach: tuple[str, ...] = ()  # keys of networks
    differences: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.update or self.detach or self.attach)


NOTHING = Mends()


@dataclass(frozen=True, slots=True)
class Keep:
    """The container is as it should be or as good as can be had."""

    container: ObservedContainer


@dataclass(frozen=True, slots=True)
class Start:
    """The container is right, but does not run: started, or unpaused. ``mends`` come first."""

    container: ObservedContainer
    reason: str
    mends: Mends = NOTHING


@dataclass(frozen=True, slots=True)
class Update:
    """The container is mended in place while it goes on as it is."""

    container: ObservedContainer
    mends: Mends


@dataclass(frozen=True, slots=True)
class Replace:
    """A new container takes the old one's place. ``new`` is one already there, from a rollout that was cut short.

    ``destroys``: the old one has to go before the new one can be made, because a volume between them is made anew.
    """

    old: ObservedContainer
    reasons: tuple[str, ...]
    differences: tuple[Difference, ...] = ()
    new: ObservedContainer | None = None
    mends: Mends = NOTHING
    destroys: bool = False


@dataclass(frozen=True, slots=True)
class Restore:
    """The new version failed; its container goes, and the old one serves again.

    ``serves``: in this slot the new container did well, so the change back has to be as careful as the one forward.
    """

    old: ObservedContainer
    failed: tuple[ObservedContainer, ...]
    serves: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing more is done about this slot in this run, whatever it holds; ``container`` is the best of that."""

    container: ObservedContainer


@dataclass(frozen=True, slots=True)
class Create:
    """There is no container in this slot."""

    reason: str


@dataclass(frozen=True, slots=True)
class Remove:
    """A container that should not be."""

    container: ObservedContainer
    reason: str


Verdict = Keep | Start | Update | Replace | Restore | Leave | Create


@dataclass(frozen=True, slots=True)
class SlotVerdict:
    """``surplus`` are containers of this slot that go beside what the verdict does."""

    slot: int
    verdict: Verdict
    surplus: tuple[Remove, ...] = ()

    @property
    def final(self) -> ObservedContainer | None:
        """The container that holds the slot once the verdict is carried out, if it exists already."""
        match self.verdict:
            case Keep(container=container) | Start(container=container) | Update(container=container):
                return container
            case Leave(container=container):
                return container
            case Replace(new=new):
                return new
            case Restore(old=old):
                return old
            case Create():
                return None


@dataclass(frozen=True, slots=True)
class ServiceVerdict:
    """The verdicts of all wanted slots of a service, and the containers beyond its number of replicas."""

    service: str
    slots: tuple[SlotVerdict, ...] = ()
    beyond: tuple[Remove, ...] = ()

    @property
    def removals(self) -> tuple[Remove, ...]:
        return tuple(remove for slot in self.slots for remove in slot.surplus) + self.beyond

    def of_kind(self, *kinds: type) -> tuple[SlotVerdict, ...]:
        return tuple(slot for slot in self.slots if isinstance(slot.verdict, kinds))
