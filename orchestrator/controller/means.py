"""What every keeper of a host works with: the engine, the board, clocks, and ways to act."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from orchestrator.cancel import CancelToken
from orchestrator.controller.intents import Intents
from orchestrator.controller.lock import Keeping
from orchestrator.controller.probing import Probing
from orchestrator.controller.reconcile import Result
from orchestrator.controller.sources import Wanted
from orchestrator.controller.status import Board
from orchestrator.engines.base import Engine
from orchestrator.errors import EngineUnreachable
from orchestrator.events import Quiet, Sink
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Why a stack is brought about, as the history names it (``command``), and what is known before: the ``first`` plan, the
    fingerprints that are ``given_up``, what providers were ``heard`` to say, the revision that this ``returns_to``.
    """

    command: str
    first: tuple[Plan, ObservedState] | None = None
    given_up: Iterable[str] = ()
    heard: Mapping[str, str] | None = None
    returns_to: int | None = None


CarryOut = Callable[[Wanted, Policy, Errand], Result]  # brings a stack about, and has its history know of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every keeper works with. ``settled`` tells whether another stack was brought about; ``loaded`` is told of the stack
    that a pass works on; ``instead`` answers with what is to be kept in the place of what the file says (an earlier
    revision, since a rollback); ``give_up`` goes back from services that do not get well, where that helps, and says how it
    went; ``kept`` shows other programs that the stack is kept; ``held`` is told of a version that was gone back from, and
    why; ``probing`` asks containers from outside whether they do well. ``away`` says why the engine does not answer,
    ``suspect`` has that looked into; ``gaps`` counts the times at which changes may have been missed. ``aside`` does what takes
    long beside the passes of a stack, and has it looked at after that.
    """

    engine: Engine
    board: Board
    intents: Intents
    cancel: CancelToken
    monotonic: Callable[[], float]
    now: Callable[[], float]
    chance: Callable[[], float]
    settled: Callable[[str], bool]
    loaded: Callable[[str, Stack], None]
    carry_out: CarryOut
    instead: Callable[[Wanted], Wanted] = lambda wanted: wanted
    give_up: Callable[[Wanted, Iterable[str]], str] = lambda _wanted, _services: ""
    held: Callable[[str, str, str], object] = lambda _stack, _version, _why: None
    kept: Keeping = field(default_factory=Keeping)
    probing: Probing | None = None
    away: Callable[[], EngineUnreachable | None] = lambda: None
    suspect: Callable[[], object] = lambda: None
    gaps: Callable[[], int] = lambda: 0
    aside: Callable[[str, Callable[[], None]], object] = lambda _stack, work: work()
    sink: Callable[[str], Sink] = lambda _stack: Quiet()
    workers: int = 8
