"""A plan for people: what happens to which object, why, the fields behind it, and each step with what it waits for.

Every mark has its word beside it (``+ create``, ``~ update in place``, ``-/+ replace``, ``- remove``), so colour
only repeats what is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from orchestrator.cli.render import notes, safe, words
from orchestrator.cli.render.frame import Style
from orchestrator.model.actions import mutates
from orchestrator.model.plan import Difference, Level, Plan, Step

VERBS = {  # the first word of a group: mark, colour, words of the summary
    "create": ("+", "32", "to create"),
    "update": ("~", "33", "to update in place"),
    "replace": ("-/+", "35", "to replace"),
    "remove": ("-", "31", "to remove"),
    "start": (">", "36", "to start"),
    "restart": (">", "36", "to restart"),
    "stop": (">", "33", "to stop"),
    "pull": (">", "36", "to pull"),
    "push": (">", "36", "to push"),
    "build": (">", "36", "to build"),
}
UPDATES = frozenset({"connect", "disconnect", "rename", "unpause", "pause", "update"})
_STYLES = {Level.INFO: "36", Level.WARNING: "33", Level.ERROR: "31"}


class Group(NamedTuple):
    """The steps of one decision. ``verb`` is a key of ``VERBS``, "" where the group changes nothing."""

    verb: str
    title: str
    steps: tuple[Step, ...]

    @property
    def reason(self) -> str:
        return next((step.reason for step in self.steps if step.reason), "")

    @property
    def own_reason(self) -> str:
        """The reason without the differences that are listed below it anyway."""
        listed = {difference.words for difference in self.differences}
        return "; ".join(part for part in self.reason.split("; ") if part not in listed)

    @property
    def differences(self) -> tuple[Difference, ...]:
        return tuple(dict.fromkeys(difference for step in self.steps for difference in step.differences))


def groups(plan: Plan) -> list[Group]:
    """The plan's steps by the decision they belong to, in the order of each decision's first step."""
    order: dict[str, list[Step]] = {}
    for step in plan.steps:
        order.setdefault(step.group or f"#{step.id}", []).append(step)
    return [_group(name, tuple(steps)) for name, steps in order.items()]


def _group(name: str, steps: tuple[Step, ...]) -> Group:
    verb = name.partition(" ")[0]
    if verb in VERBS:
        return Group(verb, name.partition(" ")[2], steps)
    changing = [step for step in steps if mutates(step.action)] or list(steps)
    subject = words.of(changing[0].action)
    first = words.verb(changing[0].action)
    verb = "update" if first in UPDATES else first if first in VERBS else ""
    title = f"{subject.kind.lower()} {subject.name}" if verb else words.imperative(changing[0].action)
    return Group(verb if any(mutates(step.action) for step in steps) else "", title, steps)


def text(plan: Plan, style: Style) -> str:
    """The whole plan."""
    lines: list[str] = []
    for group in groups(plan):
        lines += _shown(group, style)
    if lines and plan.notes:
        lines.append("")
    lines += [style.paint(_STYLES[note.level], notes.line(note)) for note in plan.notes]
    if lines:
        lines.append("")
    lines.append(style.paint("1", summary(plan)))
    return "".join(line + "\n" for line in lines)


def counts(plan: Plan) -> dict[str, int]:
    """How many decisions of each kind, in the order of ``VERBS``."""
    verbs = sorted(group.verb for group in groups(plan) if group.verb)
    found = {verb: len(list(same)) for verb, same in groupby(verbs)}
    return {verb: found[verb] for verb in VERBS if verb in found}


def summary(plan: Plan) -> str:
    """``Plan: 2 to create, 1 to replace.``"""
    if plan.empty:
        return "Nothing to change."
    parts = [f"{count} {VERBS[verb][2]}" for verb, count in counts(plan).items()]
    more = " More follows once the images are there." if plan.incomplete else ""
    return f"Plan: {', '.join(parts) or f'{len(plan.mutations)} steps'}.{more}"


def _shown(group: Group, style: Style) -> Iterator[str]:
    mark, colour, _ = VERBS.get(group.verb, (" ", "2", ""))
    in_place = " in place" if group.verb == "update" else ""
    verb = f"{group.verb} " if group.verb else ""
    reason = f": {group.own_reason}" if group.own_reason else ""
    heading = f"{mark:>3} " + safe.one_line(f"{verb}{group.title}{in_place}{reason}")
    yield style.paint(colour, heading)
    for difference in group.differences:
        yield "      " + safe.one_line(str(difference))
    if len(group.steps) > 1 or group.steps[0].after:
        yield from (style.paint("2", _step(step, group)) for step in group.steps)


def _step(step: Step, group: Group) -> str:
    reason = f", {step.reason}" if step.reason and step.reason != group.reason else ""
    after = f"  after {_numbers(step.after)}" if step.after else ""
    return "      " + safe.one_line(f"#{step.id} {words.imperative(step.action)}{reason}{after}")


def _numbers(ids: Iterable[int]) -> str:
    return ", ".join(f"#{number}" for number in sorted(ids))
