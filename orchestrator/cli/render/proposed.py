"""A proposal for people, made from its document: what would become of each stack, with the plans as `stack plan` shows them.

The document comes from a daemon or from this process; nothing else is looked at, so that it makes no difference which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from orchestrator.cli.render import safe, words
from orchestrator.cli.render.frame import Style
from orchestrator.cli.render.plan import UPDATES, VERBS

Document = dict[str, Any]

WORDS = {  # states in the order in which they matter to a reader: how many of them are counted as what, and their colours
    "refused": ("refused by policy", "31"),
    "invalid": ("invalid", "31"),
    "impossible": ("impossible", "31"),
    "claimed": ("claimed by something else", "31"),
    "removed": ("to remove", "31"),
    "changed": ("to change", "33"),
    "new": ("new", "32"),
    "left": ("gone, left as it is", "36"),
    "unchanged": ("unchanged", "2"),
}
_GRAVITY = {"info": "36", "warning": "33", "error": "31"}


class Decision(NamedTuple):
    """Steps of a plan that belong together. ``verb`` is a key of ``VERBS``, "" where they change nothing."""

    verb: str
    title: str
    reason: str
    differences: tuple[str, ...]
    steps: tuple[str, ...]

    @property
    def heading(self) -> str:
        verb = f"{self.verb} " if self.verb else ""
        in_place = " in place" if self.verb == "update" else ""
        return safe.one_line(f"{verb}{self.title}{in_place}{f': {self.reason}' if self.reason else ''}")


def decisions(plan: Document) -> list[Decision]:
    """The decisions of a plan in its own order."""
    found: dict[str, list[Document]] = {}
    for step in plan["steps"]:
        found.setdefault(step["group"] or f"#{step['id']}", []).append(step)
    return [_decision(group, steps) for group, steps in found.items()]


def _decision(group: str, steps: list[Document]) -> Decision:
    verb, _, title = group.partition(" ")
    mutating = [step for step in steps if step["mutates"]]
    if verb not in VERBS:
        telling = (mutating or steps)[0]
        first = telling["text"].partition(" ")[0]
        verb = "update" if first in UPDATES else first if first in VERBS else ""
        title = f"{telling['object']['kind']} {words.settled(telling['object']['name'])}" if verb else telling["text"]
    differences = {_words(one): _shown(one) for step in steps for one in step["differences"]}
    whole = next((step["reason"] for step in steps if step["reason"]), "")
    return Decision(
        verb=verb if mutating else "",
        title=title,
        reason="; ".join(part for part in whole.split("; ") if part not in differences),
        differences=tuple(dict.fromkeys(differences.values())),
        steps=tuple(_step(step, whole) for step in steps) if len(steps) > 1 or steps[0]["after"] else (),
    )


def _words(difference: Document) -> str:
    return f"{difference['path']}: {difference['before'] or '(none)'} -> {difference['after'] or '(none)'}"


def _shown(difference: Document) -> str:
    return safe.one_line(_words(difference) + (" (in place)" if difference["in_place"] else ""))


def _step(step: Document, whole: str) -> str:
    reason = f", {step['reason']}" if step["reason"] and step["reason"] != whole else ""
    after = f"  after {', '.join(f'#{number}' for number in step['after'])}" if step["after"] else ""
    return safe.one_line(f"#{step['id']} {step['text']}{reason}{after}")


def notes(plan: Document) -> Iterator[tuple[str, str]]:
    """How grave a note of the plan is, and its line."""
    for note in plan["notes"]:
        where = f"{place(note['where'])}: " if note["where"] and place(note["where"]) else ""
        yield note["level"], safe.one_line(f"{note['level']}: {where}{note['text']}")


def place(where: Document) -> str:
    """``stacks/shop/app.yml:4:3, services.web``."""
    file = ":".join([where["file"], *(str(where[part]) for part in ("line", "column") if where[part])])
    return safe.one_line(", ".join(part for part in (file, where["path"]) if part.strip(":")))


def problem(told: Document) -> list[str]:
    """What is wrong: its reference, where it is and what, and what to do about it."""
    where = f"{place(told['where'])}: " if place(told["where"]) else ""
    lines = [f"error: {told['reference']}", *f"{where}{told['message']}".splitlines()]
    lines += [f"hint: {told['hint']}"] if told["hint"] else []
    return [lines[0], *(f"  {safe.one_line(line)}" for line in lines[1:])]


def summary(plan: Document) -> str:
    """``1 to create, 1 to replace``."""
    if not plan["changes"]:
        return "nothing to change"
    parts = [f"{plan['summary'][verb]} {VERBS[verb][2]}" for verb in VERBS if verb in plan["summary"]]
    return ", ".join(parts) or f"{sum(step['mutates'] for step in plan['steps'])} steps"


def counted(proposal: Document) -> str:
    """``1 invalid, 2 to change, 3 unchanged``."""
    parts = [
        f"{proposal['summary'][state]} {said}" for state, (said, _) in WORDS.items() if state in proposal["summary"]
    ]
    return ", ".join(parts) or "no stack"


def ordered(stacks: Iterable[Document]) -> list[Document]:
    """What is wrong first, what does not change last; by name within."""
    return sorted(stacks, key=lambda one: (list(WORDS).index(one["state"]), one["name"]))


def text(proposal: Document, style: Style) -> str:
    """The whole proposal."""
    lines = [style.paint("1", safe.one_line(f"{title(proposal)}: {counted(proposal)}"))]
    for told in proposal["problems"]:
        lines += ["", *(style.paint("31", line) for line in problem(told))]
    for stack in ordered(proposal["stacks"]):
        lines += _stack(stack, style)
    return "".join(line + "\n" for line in lines)


def title(proposal: Document) -> str:
    """``infra at feature (1f2e3d4c5b6a)``."""
    commit = f" ({proposal['commit'][:12]})" if proposal["commit"] not in ("", proposal["ref"]) else ""
    return f"{proposal['source'] or proposal['repository']} at {proposal['ref']}{commit}"


def _stack(stack: Document, style: Style) -> Iterator[str]:
    colour = WORDS[stack["state"]][1]
    yield ""
    reason = f", {stack['reason']}" if stack["reason"] else ""
    yield style.paint(colour, safe.one_line(f"{stack['name']} ({stack['folder']}): {stack['state']}{reason}"))
    for told in stack["problems"]:
        yield from (style.paint("31", f"  {line}") for line in problem(told))
    plan = stack["plan"]
    if plan is None or not (plan["steps"] or plan["notes"]):
        return
    for decision in decisions(plan):
        mark, painted, _ = VERBS.get(decision.verb, (" ", "2", ""))
        yield style.paint(painted, f"{mark:>3} {decision.heading}")
        yield from (f"      {line}" for line in decision.differences)
        yield from (style.paint("2", f"      {line}") for line in decision.steps)
    yield from (style.paint(_GRAVITY[level], line) for level, line in notes(plan))
    yield style.paint("1", f"Plan: {summary(plan)}." if plan["changes"] else "Nothing to change.")
