"""Plan files: a plan with what it was made from, so that exactly it can be carried out later, or refused.

A plan with the stack and the state it was made from comes in, a document goes out (``schemas/plan.schema.json``),
and later that document is compared with a plan made afresh. What has moved is named by object and field. Everything is
compared by digests made with the host's key: a plan file tells nobody what a secret was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.cli import digests
from orchestrator.cli.options import Shared
from orchestrator.cli.render import plan_document
from orchestrator.cli.render.plan_document import Document
from orchestrator.errors import PlanOutdated, UsageError
from orchestrator.model import fingerprint
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import PullPolicy, Stack
from orchestrator.planner.policy import Policy, Recreate, RemoveImages
from orchestrator.records import dataclass, fields

_OF_ONE_RUN = ("failed", "held", "lost")  # what a reconcile remembers of itself; no caller gives it
MOST = 12  # moves that are listed; more would only hide the first ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan with all that it was made from."""

    plan: Plan
    stack: Stack
    observed: ObservedState
    policy: Policy


def document(made: Made, *, engine: str, request: Document) -> Document:
    """The plan file's content. ``request`` are the options that lead to the same stack again."""
    key = made.stack.key
    content = plan_document.document(made.plan)
    for step, written in zip(made.plan.steps, content["steps"], strict=True):
        written["digest"] = digests.digest(key, step.action)
    content["origin"] = {
        "files": list(made.stack.config_files),
        "engine": engine,
        "key": fingerprint.key_id(key),
        "request": request,
        "policy": _policy(made.policy),
        "desired": digests.desired(made.stack),
        "observed": digests.observed(made.observed, key),
    }
    return content


def read(path: str) -> Document:
    """The content of a plan file."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as problem:
        raise UsageError(f"cannot read the plan {path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise UsageError(f"{path} is no plan: {problem}", hint="`stack plan --out FILE` writes one") from problem
    if not isinstance(content, dict) or content.get("format") != plan_document.FORMAT or "origin" not in content:
        raise UsageError(f"{path} is no plan that can be applied", hint="`stack plan --out FILE` writes one")
    return content


def check(content: Document, made: Made, *, engine: str) -> None:
    """Raise ``PlanOutdated`` if anything has moved that the plan was made from, or a plan made now has other steps."""
    origin = content["origin"]
    if origin["engine"] != engine:
        raise PlanOutdated(
            f"the plan was made for the engine at {origin['engine']}, not for {engine}",
            hint="choose that engine with --host, or plan again",
        )
    if origin["key"] != fingerprint.key_id(made.stack.key):
        raise PlanOutdated(
            "the plan was made with another key: on another host, or by another user",
            hint="plan again where it is applied",
        )
    before = [(step["id"], step["digest"], sorted(step["after"])) for step in content["steps"]]
    now = [(step.id, digests.digest(made.stack.key, step.action), sorted(step.after)) for step in made.plan.steps]
    moved = list(_moves(origin, made))
    if before == now and not moved:
        return
    listed = "\n".join(f"- {move}" for move in moved[:MOST]) or "- the steps that lead there"
    more = f"\nand {len(moved) - MOST} more" if len(moved) > MOST else ""
    raise PlanOutdated(
        f"this is no longer the plan for {made.stack.name}; since it was made, this has changed:\n{listed}{more}",
        hint="look at a new one with `stack plan`",
    )


def policy(content: Document) -> Policy:
    """The policy a plan file was made with."""
    given = dict(content["origin"]["policy"])
    for name in ("targets", "prepared", "stopped"):
        if given.get(name) is not None:
            given[name] = frozenset(given[name])
    return _typed_policy(given)


def _typed_policy(given: Document) -> Policy:
    kinds = {"recreate": Recreate, "recreate_dependencies": Recreate, "remove_images": RemoveImages, "pull": PullPolicy}
    values: dict[str, Any] = {
        item.name: given[item.name] for item in fields(Policy) if item.name in given and item.name not in _OF_ONE_RUN
    }
    values |= {name: kind(values[name]) for name, kind in kinds.items() if values.get(name) is not None}
    return Policy(**values)


def _policy(made: Policy) -> Document:
    names = (item.name for item in fields(made) if item.name not in _OF_ONE_RUN)
    return {name: digests.plain(getattr(made, name)) for name in names}


def _moves(origin: Mapping[str, Any], made: Made) -> Iterator[str]:
    yield from digests.compared(origin["desired"], digests.desired(made.stack), "the file: ")
    yield from digests.compared(origin["observed"], digests.observed(made.observed, made.stack.key))


def request(shared: Shared, services: tuple[str, ...], scale: tuple[str, ...]) -> Document:
    """The options that lead to the same stack again, with paths that hold from anywhere."""
    return {
        "shared": {
            "files": [_absolute(file) for file in shared.files],
            "project_name": shared.project_name,
            "profiles": list(shared.profiles),
            "env_files": [_absolute(file) for file in shared.env_files],
            "project_directory": _absolute(shared.project_directory),
            "all_resources": shared.all_resources,
            "compatibility": shared.compatibility,
        },
        "services": list(services),
        "scale": list(scale),
    }


def _absolute(path: str) -> str:
    return os.path.abspath(path) if path and path != "-" and "://" not in path else path
