"""A plan as data, in the shape of ``schemas/plan.schema.json``: for programs, reviews, and ``stack apply FILE``.

Values of environment variables, configs and secrets never get in: an action is described by what it is about, and
fields that differ come masked from the planner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.cli.render import plan as plans
from orchestrator.cli.render import words
from orchestrator.errors import Where
from orchestrator.model.actions import (
    Action,
    AwaitContainer,
    AwaitDelay,
    AwaitDrained,
    BuildImage,
    ConfigureFront,
    ConnectNetwork,
    CreateContainer,
    DisconnectNetwork,
    KeepSecrets,
    KillContainer,
    PullImage,
    PushImage,
    RemoveContainer,
    RenameContainer,
    RunHook,
    RunProvider,
    ShipFiles,
    StopContainer,
    mutates,
)
from orchestrator.model.describe import slug
from orchestrator.model.plan import Note, Plan, Step
from orchestrator.model.values import SECOND

FORMAT = 1

Document = dict[str, Any]


def document(plan: Plan) -> Document:
    """The plan with nothing but plain values in it."""
    return {
        "format": FORMAT,
        "stack": plan.stack,
        "changes": not plan.empty,
        "incomplete": plan.incomplete,
        "summary": plans.counts(plan),
        "steps": [_step(step) for step in plan.steps],
        "notes": [_note(note) for note in plan.notes],
    }


def _step(step: Step) -> Document:
    return {
        "id": step.id,
        "action": slug(step.action),
        "mutates": mutates(step.action),
        "object": _object(step.action),
        "arguments": _arguments(step.action),
        "text": words.imperative(step.action),
        "reason": step.reason,
        "group": step.group,
        "after": sorted(step.after),
        "differences": [
            {"path": one.path, "before": one.before, "after": one.after, "in_place": one.in_place}
            for one in step.differences
        ],
    }


def _object(action: Action) -> Document:
    container = getattr(action, "container", None)
    if container is None:
        word = words.of(action)
        return {"kind": word.kind.lower(), "name": word.name}
    found = {"kind": "container", "name": container.name, "service": container.service, "slot": container.slot}
    return found | ({"id": container.id} if container.id else {})


def _arguments(action: Action) -> Document:
    """What a reader needs beside the object's name; never a value that could be secret."""
    describe = _ARGUMENTS.get(type(action))
    described = describe(action) if describe else {}
    return {name: value for name, value in described.items() if value not in ("", None, [])}


_ARGUMENTS: dict[type[Action], Callable[[Any], Document]] = {
    PullImage: lambda a: {"platform": a.platform, "services": list(a.services)},
    BuildImage: lambda a: {"service": a.service, "context": a.build.context, "target": a.build.target},
    PushImage: lambda a: {"service": a.service},
    CreateContainer: lambda a: {"image": a.settings.image, "networks": list(a.networks)},
    ConnectNetwork: lambda a: {"network": a.network, "aliases": list(a.attachment.aliases)},
    DisconnectNetwork: lambda a: {"network": a.network},
    RenameContainer: lambda a: {"new_name": a.new_name},
    ShipFiles: lambda a: {"service": a.service, "targets": [grant.target for grant in a.files]},
    KeepSecrets: lambda a: {"service": a.service, "targets": [grant.target for grant in a.files]},
    StopContainer: lambda a: {"timeout": a.timeout},
    KillContainer: lambda a: {"signal": a.signal},
    RemoveContainer: lambda a: {"volumes": a.volumes, "force": a.force},
    AwaitContainer: lambda a: {"condition": a.condition.value, "timeout": a.timeout},
    ConfigureFront: lambda a: {"service": a.front.service, "members": [one.name for one in a.members]},
    AwaitDrained: lambda a: {"seconds": a.timeout_ns / SECOND},
    AwaitDelay: lambda a: {"seconds": a.delay_ns / SECOND},
    RunHook: lambda a: {"hook": a.kind.value},
    RunProvider: lambda a: {"provider": a.provider.type, "command": a.command},
}


def _note(note: Note) -> Document:
    return {"level": note.level.value, "text": note.text, "reference": note.reference, "where": _where(note.where)}


def _where(where: Where | None) -> Document | None:
    if where is None:
        return None
    return {"file": where.file, "line": where.line, "column": where.column, "path": where.path}
