"""A plan as text, one line a step: exact, stable, and made to be compared. The oracle of the planner's tests.

::

    [2,5] -> #7 create web.2, image changed nginx:1.26 -> nginx:1.27  [replace web.2]
    warning: volume "shop_data" stays: removing it would lose its data
"""

from __future__ import annotations

from orchestrator.model import actions
from orchestrator.model.describe import describe
from orchestrator.model.plan import Note, Plan, Step


def render(plan: Plan) -> str:
    """All steps and notes; an empty text for an empty plan."""
    lines = [_step(step) for step in plan.steps]
    if plan.incomplete:
        lines.append("(more can be planned once these are done)")
    return "\n".join([*lines, *(_note(note) for note in plan.notes)])


def _step(step: Step) -> str:
    after = ",".join(str(number) for number in step.after)
    text = f"[{after}] -> #{step.id} {short(step.action)}"
    if step.reason:
        text += f", {step.reason}"
    return f"{text}  [{step.group}]" if step.group else text


def _note(note: Note) -> str:
    return f"{note.level.value}: {note.text}"


def short(action: actions.Action) -> str:  # noqa: C901  # a table
    """The action with its container as ``service.slot``; a replacement's name where the plan makes one."""
    match action:
        case actions.PullImage(reference=reference):
            return f"pull {reference}"
        case actions.BuildImage(reference=reference):
            return f"build {reference}"
        case actions.PushImage(reference=reference):
            return f"push {reference}"
        case actions.ConnectNetwork(container=container, network=network):
            return f"connect {_place(container)} to {network}"
        case actions.DisconnectNetwork(container=container, network=network):
            return f"disconnect {_place(container)} from {network}"
        case actions.RenameContainer(container=container, new_name=name):
            return f"rename {_place(container)} to {name}"
        case actions.AwaitContainer(container=container, condition=condition):
            return f"await {_place(container)} {condition.value}"
        case actions.ConfigureFront(container=container, members=members):
            return f"configure {_place(container)} for {', '.join(map(_place, members)) or 'nobody'}"
        case actions.AwaitFront(container=container):
            return f"await {_place(container)} taking connections"
        case actions.AwaitDrained(container=container):
            return f"await {_place(container)} drained"
        case actions.RunHook(container=container, kind=kind):
            return f"hook {kind.value} {_place(container)}"
        case (
            actions.CreateContainer(container=container)
            | actions.StartContainer(container=container)
            | actions.StopContainer(container=container)
            | actions.RestartContainer(container=container)
            | actions.KillContainer(container=container)
            | actions.PauseContainer(container=container)
            | actions.UnpauseContainer(container=container)
            | actions.UpdateContainer(container=container)
            | actions.RemoveContainer(container=container)
        ):
            return f"{_VERBS[type(action)]} {_place(container)}"
        case _:
            return describe(action)


def _place(container: actions.ContainerRef) -> str:
    """Old and new container of one slot are told apart by the id, which only what exists already has."""
    place = f"{container.service}.{container.slot}" if container.service and container.slot else container.name
    return f"{place}({container.id})" if container.id else place


_VERBS: dict[type, str] = {
    actions.CreateContainer: "create",
    actions.StartContainer: "start",
    actions.StopContainer: "stop",
    actions.RestartContainer: "restart",
    actions.KillContainer: "kill",
    actions.PauseContainer: "pause",
    actions.UnpauseContainer: "unpause",
    actions.UpdateContainer: "update",
    actions.RemoveContainer: "remove",
}
