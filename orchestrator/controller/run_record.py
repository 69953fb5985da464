"""What the history keeps of the steps of a run, and the line that sums it up. Pure; ``mask`` takes secrets out of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.controller.revision import masked_text
from orchestrator.model.actions import mutates
from orchestrator.model.describe import describe
from orchestrator.model.masking import mask_sentence
from orchestrator.model.plan import Outcome, Step, StepResult

Document = dict[str, Any]
Mask = Callable[[str], str]
_TOLD = frozenset(("create", "replace", "restore", "update", "start", "remove", "image", "network", "volume", "remake"))


def planned(number: int, step: Step, outcome: str, mask: Mask) -> Document:
    """A step of the pass ``number``, before or after it was carried out."""
    return {
        "pass": number,
        "id": step.id,
        "text": mask(describe(step.action)),
        "reason": mask(step.reason),
        "group": step.group,
        "after": sorted(step.after),
        "outcome": outcome,
        "seconds": 0.0,
        "differences": [
            {"path": one.path, "before": one.before, "after": one.after}  # masked when they were found
            for one in step.differences
        ],
    }


def carried_out(number: int, result: StepResult, mask: Mask) -> Document:
    """What became of a step of the pass ``number``."""
    written = planned(number, result.step, result.outcome.value, mask)
    written["seconds"] = round(result.seconds, 3)
    return written | ({"error": masked(result.error.message, mask)} if result.error else {})


def masked(text: str, mask: Mask) -> str:
    """A message without secrets. Its indented lines are quoted: whoever wrote those did not write sentences of ours."""
    lines = mask(text).split("\n")
    return "\n".join(said(line) if line.startswith(" ") else mask_sentence(line) for line in lines)


def said(line: str) -> str:
    """A line of a container or of some other program, without what it assigns to a telling name."""
    return masked_text(f"{line}\n", frozenset())[:-1]


def summary(results: Iterable[StepResult]) -> str:
    """What was done, in a line: ``replace web; create db, cache``. Groups are ``VERB SERVICE.SLOT`` or ``VERB ... NAME``."""
    done: dict[str, dict[str, None]] = {}
    for result in results:
        if result.outcome is Outcome.DONE and mutates(result.step.action):
            verb, _, name = result.step.group.partition(" ")
            if name and verb in _TOLD:
                done.setdefault(verb, {})[name.rpartition(".")[0] or name] = None
    return "; ".join(f"{verb} {', '.join(names)}" for verb, names in done.items())
