"""Every file in ``cases`` is a test: a wish, a world, and the plan that leads from one to the other.

``desired`` is what should be. The world is what a plan for ``before`` (default: ``desired``) leads to, with the first
``crash`` steps of the plan for ``towards`` (default: ``desired``) carried out, and then what ``happens`` behind our back. ``before: nothing`` is an
empty engine. ``plan`` is the whole expected text. Unless ``settles: no``, the plan is carried out as well, and then nothing
may be left to do. Run with ``STACK_WRITE_CASES=1`` to write the plans as they are now; read the change before you keep it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.model.observed import ObservedState
from orchestrator.model.stack import PullPolicy, Stack
from orchestrator.planner import text
from orchestrator.planner.plan import plan, version
from orchestrator.planner.policy import Policy, Recreate, RemoveImages
from tests.support import builders, planning

CASES = sorted((Path(__file__).parent / "cases").glob("*.yml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_plan_leads_from_the_world_to_the_wish(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    desired = builders.stack(case["desired"]["services"], **_top(case["desired"]))
    world = planning.with_letters(_world(case, desired))
    policy = _policy(case.get("policy") or {}, desired, world)

    made = plan(desired, world, policy)

    actual = text.render(made)
    if os.environ.get("STACK_WRITE_CASES"):
        _write(path, actual)
    else:
        assert case.get("plan", "").strip() == actual
    if case.get("settles", True):
        after = planning.converge(world, desired, policy)
        assert plan(desired, after, replace(policy, recreate=Recreate.DIVERGED, prepared=_all_images(desired))).empty


def _top(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != "services"}


def _world(case: dict[str, Any], desired: Stack) -> ObservedState:
    before = case.get("before", "desired")
    state = planning.empty()
    if before == "nothing":
        pass
    elif before == "desired":
        state = planning.converge(state, desired)
    else:
        state = planning.converge(state, builders.stack(before["services"], **_top(before)))
    state = planning.happen(state, case.get("first") or ())
    if "crash" in case:
        towards = builders.stack(case["towards"]["services"], **_top(case["towards"])) if "towards" in case else desired
        state = planning.carry_out(state, plan(towards, state, Policy()), case["crash"])
    return planning.happen(state, case.get("happens") or ())


def _policy(given: dict[str, Any], desired: Stack, world: ObservedState) -> Policy:
    kinds: dict[str, Any] = {
        "targets": frozenset,
        "recreate": Recreate,
        "recreate_dependencies": Recreate,
        "remove_images": RemoveImages,
        "pull": PullPolicy,
        "prepared": frozenset,
        "gone": frozenset,
        "gone_networks": frozenset,
        "stopped": frozenset,
        "failed": lambda places: frozenset((n, version(desired, world, n), slot) for n, slot in map(_place, places)),
        "lost": lambda places: frozenset(map(_place, places)),
        "held": lambda names: frozenset((name, version(desired, world, name)) for name in names),
    }
    return Policy(**{name: kinds.get(name, lambda value: value)(value) for name, value in given.items()})


def _place(text: str) -> tuple[str, int]:
    """``web.1``"""
    service, _, slot = text.rpartition(".")
    return service, int(slot)


def _all_images(desired: Stack) -> frozenset[str]:
    images = {service.container.image for service in desired.services.values()}
    return frozenset(images | {f"provider:{name}" for name in desired.services})


def _write(path: Path, actual: str) -> None:
    head = path.read_text().split("\nplan:")[0].rstrip()
    body = "\n".join(f"  {line}" for line in actual.splitlines())
    path.write_text(f"{head}\nplan: |\n{body}\n" if actual else f'{head}\nplan: ""\n')
