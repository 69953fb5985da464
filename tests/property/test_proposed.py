"""A plan that came as a document is shown as the plan itself is, whatever it holds."""

from __future__ import annotations

from hypothesis import given, settings

from orchestrator.cli.render import plan as plans
from orchestrator.cli.render import plan_document, proposed
from orchestrator.cli.render.frame import Style
from orchestrator.planner.foresight import foreseen
from orchestrator.planner.plan import plan
from tests.property.test_planner import EXAMPLES, always
from tests.property.worlds import Choices, choices, policy, situation

fewer = settings(always, max_examples=max(50, EXAMPLES // 5))


@fewer
@given(choices())
def test_a_document_of_a_plan_reads_like_the_plan(choose: Choices) -> None:
    desired, state = situation(choose)
    made = plan(desired, state, policy(choose))
    shown = plans.text(made, Style(colour=False)).splitlines()

    read = [
        line
        for one in proposed.decisions(plan_document.document(made))
        for line in (one.heading, *one.differences, *one.steps)
    ]
    for line in read:
        assert any(own.strip().endswith(line.strip()) for own in shown), line


@fewer
@given(choices())
def test_what_is_foreseen_behind_images_stands_behind_them(choose: Choices) -> None:
    desired, state = situation(choose)
    wish = policy(choose)
    made = plan(desired, state, wish)
    seen = foreseen(made, desired, state, wish)

    ids = [step.id for step in seen.steps]
    assert len(ids) == len(set(ids))
    assert all(before in ids[: ids.index(step.id)] for step in seen.steps for before in step.after)
    if not made.incomplete:
        assert made is seen
