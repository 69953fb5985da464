"""How long a slot stood empty while its container was replaced: measured, so that it can be told.

The results of one apply come in, a note per slot goes out. The time runs from the moment the old container was asked to stop
until the new one had been started; slots where the new one was started first have none.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.model.actions import StartContainer, StopContainer
from orchestrator.model.plan import ApplyResult, Level, Note, Outcome, StepResult


def gaps(applied: ApplyResult) -> Iterator[Note]:
    """A note for every slot whose old container stopped before its new one started."""
    stops: dict[str, StepResult] = {}
    starts: dict[str, StepResult] = {}
    for result in applied.results.values():
        if result.outcome is not Outcome.DONE or not result.step.group.startswith("replace"):
            continue
        if isinstance(result.step.action, StopContainer):
            stops[result.step.group] = result
        elif isinstance(result.step.action, StartContainer):
            starts[result.step.group] = result
    for group, stop in stops.items():
        start = starts.get(group)
        if start is not None and start.began >= stop.began:
            yield _note(group.removeprefix("replace "), stop, start)


def _note(place: str, stop: StepResult, start: StepResult) -> Note:
    whole = start.began + start.seconds - stop.began
    between = max(0.0, whole - stop.seconds - start.seconds)
    text = (
        f"{place} was away for {whole:.2f} s: {stop.seconds:.2f} s until the old container had stopped, "
        f"{start.seconds:.2f} s to start the new one, {between:.2f} s between"
    )
    return Note(level=Level.INFO, text=text, reference="gap")
