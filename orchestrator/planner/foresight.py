"""What would follow once the images are there, for a plan that is only to be read.

A plan stops at images that are missing where they may change the verdict on what runs. To whoever judges a proposal the change
behind them is what counts, so here each of them is taken to have come, with nothing surprising in it. Not for carrying out.
"""

from __future__ import annotations

from orchestrator.model.actions import BuildImage, PullImage
from orchestrator.model.observed import ObservedImage, ObservedState
from orchestrator.model.plan import Plan, Step
from orchestrator.model.stack import Stack
from orchestrator.planner.plan import plan as make_plan
from orchestrator.planner.policy import Policy
from orchestrator.records import replace


def foreseen(plan: Plan, desired: Stack, observed: ObservedState, policy: Policy) -> Plan:
    """``plan``, and behind its images what is planned with them. One that is complete is given back as it is."""
    references = [one.action.reference for one in plan.steps if isinstance(one.action, PullImage | BuildImage)]
    if not plan.incomplete or not references or len(references) < len(plan.steps):
        return plan
    images = {reference: _image(reference, observed) for reference in references} | dict(observed.images)
    further = make_plan(
        desired,
        replace(observed, images=images),
        replace(policy, prepared=policy.prepared | frozenset(references), images_first=False),
    )
    if further.notes and not further.steps:
        return further
    return replace(further, steps=(*plan.steps, *(_behind(plan, step) for step in further.steps)))


def _image(reference: str, observed: ObservedState) -> ObservedImage:
    """The image as a container has it already, else one that nobody has seen."""
    known = next((one.image_id for one in observed.containers if one.image == reference), "")
    return ObservedImage(reference=reference, id=known or f"not here yet: {reference}")


def _behind(plan: Plan, step: Step) -> Step:
    most = max(one.id for one in plan.steps)
    images = tuple(one.id for one in plan.steps) if not step.after else ()
    return replace(step, id=step.id + most, after=(*images, *(number + most for number in step.after)))
