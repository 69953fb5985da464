"""How a service moves from one fingerprint to the next (`deploy.update_config`, `rollback_config`, restart conditions)."""

from __future__ import annotations

from enum import StrEnum

from orchestrator.model.values import SECOND
from orchestrator.records import dataclass


class Order(StrEnum):
    STOP_FIRST = "stop-first"
    START_FIRST = "start-first"


class FailureAction(StrEnum):
    ROLLBACK = "rollback"
    PAUSE = "pause"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Rollout:
    """The rules of one update. ``parallelism`` 0 means all at once; ``monitor_ns`` is how long a new container is watched."""

    parallelism: int = 1
    delay_ns: int = 0
    order: Order = Order.STOP_FIRST
    failure_action: FailureAction = FailureAction.ROLLBACK
    monitor_ns: int = 5 * SECOND
    monitor_given: bool = False
    max_failure_ratio: float = 0.0


@dataclass(frozen=True, slots=True)
class RestartCondition:
    """`deploy.restart_policy`: ``none``, ``on-failure`` or ``any``; the delay and the window are carried out by the daemon."""

    condition: str = "any"
    delay_ns: int = 0
    max_attempts: int | None = None
    window_ns: int = 0
