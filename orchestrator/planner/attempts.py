"""How far an update, or the way back from one, may go on after failures. Pure rules on counts; who counts is the controller.

Failures are counted per slot and version (``Policy.failed``), failures of a way back per slot (``Policy.lost``). Both come
from the same run: a new run begins with a clean count.
"""

from __future__ import annotations

from enum import StrEnum

from orchestrator.model.rollout import FailureAction, Rollout
from orchestrator.model.stack import Service
from orchestrator.records import replace


class Stance(StrEnum):
    """What becomes of an update: it goes on, stands still where it is, or gives way to what served before."""

    GOES_ON = "goes on"
    STANDS_STILL = "stands still"
    GOES_BACK = "goes back"


_STANCES = {
    FailureAction.ROLLBACK: Stance.GOES_BACK,
    FailureAction.PAUSE: Stance.STANDS_STILL,
    FailureAction.CONTINUE: Stance.GOES_ON,
}


def exceeds(rules: Rollout, failed: int, replicas: int) -> bool:
    """Whether more slots failed than the file puts up with."""
    return failed > rules.max_failure_ratio * replicas


def stance(rules: Rollout, failed: int, replicas: int) -> Stance:
    return _STANCES[rules.failure_action] if exceeds(rules, failed, replicas) else Stance.GOES_ON


def way_back(service: Service) -> Rollout:
    """The rules of a rollback: `rollback_config`, else those of the update without delay.

    What served before has proven itself, so it is watched through a window only where the file asks for that.
    """
    given = service.deploy.rollback
    if given is not None:
        return given if given.monitor_given else replace(given, monitor_ns=0)
    update = service.rollout
    return Rollout(parallelism=update.parallelism, order=update.order, failure_action=FailureAction.PAUSE, monitor_ns=0)
