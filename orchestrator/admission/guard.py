"""How stacks of one source are admitted on this host: hardened, judged as a whole, and given a gate for what is sent for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from orchestrator.admission.check import check
from orchestrator.admission.gate import StackGate
from orchestrator.admission.hardening import hardened
from orchestrator.admission.judging import Setting
from orchestrator.engines.docker import secrets_in_memory
from orchestrator.engines.gate import World
from orchestrator.model.admission import Admission, Permits
from orchestrator.model.front import IMAGE as FRONT_IMAGE
from orchestrator.model.probe import IMAGE as PROBE_IMAGE
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass, field
from orchestrator.spec.document import Map

OUR_SOCKETS = ("/run/stack/stack.sock",)
TRUSTED = frozenset((FRONT_IMAGE, PROBE_IMAGE))


@dataclass(frozen=True, slots=True)
class StackGuard:
    """Implements ``controller.sources.Guard``."""

    gate: StackGate

    def hardened(self, stack: Stack) -> Stack:
        return hardened(stack, self.gate.setting.grants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitting:
    """``others`` are the names of this host's other stacks; ``verified``: signatures of the source are demanded.

    ``local``: the engine is on this host.
    """

    permits: Permits
    world: Callable[[], World]
    source: str = ""
    others: Callable[[], Iterable[str]] = tuple
    environment: Mapping[str, str] = field(default_factory=dict)
    local: bool = True
    verified: bool = False

    def admitted(
        self, stack: Stack, model: Map | None, *, place: str, lent: Iterable[str] = (), about: str = ""
    ) -> tuple[Stack, StackGuard]:
        """The stack with what is required of it, and its guard. ``place`` is the checkout that it lies in; beside it lie others of
        the same repository, where mounts stay that did not change. Raises Refused, which changes nothing.
        """
        setting = setting_of(
            stack,
            self.permits.of(self.source, stack.name),
            roots=(os.path.dirname(place),),
            others=self.others(),
            environment=self.environment,
            local=self.local,
            verified=self.verified,
            lent=lent,
        )
        made = hardened(stack, setting.grants)
        check(made, model, setting, self.world(), about=about)
        return made, StackGuard(StackGate(setting))


def setting_of(
    stack: Stack,
    grants: Admission,
    *,
    roots: tuple[str, ...],
    others: Iterable[str] = (),
    environment: Mapping[str, str],
    local: bool = True,
    verified: bool = True,
    lent: Iterable[str] = (),
) -> Setting:
    """What a judge has to know of a stack."""
    return Setting(
        stack=stack.name,
        grants=grants,
        roots=roots,
        built=frozenset(one.container.image for one in stack.services.values() if one.build is not None),
        trusted=TRUSTED,
        kept=os.path.join(secrets_in_memory.root(environment), stack.name),
        sockets=OUR_SOCKETS,
        others=frozenset(others) - {stack.name},
        local=local,
        verified=verified,
        lent=frozenset(lent),
    )
