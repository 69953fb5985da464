"""The promise that everything is prepared before the first running container is touched, as edges of the plan.

Steps that prepare without being felt, and the first steps that running containers feel, come in; every one of the latter is
made to wait for all of the former. What can only be prepared after a touch (on a network that is rebuilt) is left out.
"""

from __future__ import annotations

from orchestrator.planner.containers import Workshop
from orchestrator.planner.draft import Draft


def raise_barrier(draft: Draft, workshop: Workshop) -> None:
    """Order every touch behind everything that can be prepared without one."""
    detached = {step for place in workshop.places.values() for step in place.detached}
    touches = workshop.touches | detached
    if not touches:
        return
    felt = draft.behind(touches)
    early = (workshop.prepared | set(workshop.images.values())) - felt
    ends = sorted(early - draft.before(early))
    for touch in sorted(touches):
        draft.order(touch, ends)
