"""A plan as data, in the shape of ``schemas/plan.schema.json``: for programs, reviews, and ``stack apply FILE``.

Values of environment variables, configs and secrets never get in: an action is described by what it is about, and fields that
differ come masked from the planner.
"""

from __future__ import annotations

from typing import Any

from orchestrator.cli.render import plan as plans
from orchestrator.cli.render import words
from orchestrator.errors import Where
from orchestrator.model.actions import (
    Action,
    AwaitContainer,
    BuildImage,
    ConnectNetwork,
    CreateContainer,
    DisconnectNetwork,
    KillContainer,
    PullImage,
    RemoveContainer,
    RenameContainer,
    RunHook,
    RunProvider,
    StopContainer,
    UploadFiles,
    mutates,
)
from orchestrator.model.plan import Note, Plan, Step

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
        "action": words.slug(step.action),
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
    match action:
        case PullImage():
            return _given(platform=action.platform, services=list(action.services))
        case BuildImage():
            return _given(service=action.service, context=action.build.context, target=action.build.target)
        case CreateContainer():
            return _given(image=action.settings.image, networks=list(action.networks))
        case ConnectNetwork():
            return _given(network=action.network, aliases=list(action.attachment.aliases))
        case DisconnectNetwork():
            return {"network": action.network}
        case RenameContainer():
            return {"new_name": action.new_name}
        case UploadFiles():
            return {"targets": [grant.target for grant in action.files]}
        case StopContainer():
            return _given(timeout=action.timeout)
        case KillContainer():
            return {"signal": action.signal}
        case RemoveContainer():
            return {"volumes": action.volumes, "force": action.force}
        case AwaitContainer():
            return _given(condition=action.condition.value, timeout=action.timeout)
        case RunHook():
            return {"hook": action.kind.value}
        case RunProvider():
            return {"provider": action.provider.type, "command": action.command}
    return {}


def _given(**values: Any) -> Document:
    return {name: value for name, value in values.items() if value not in ("", None, [])}


def _note(note: Note) -> Document:
    return {"level": note.level.value, "text": note.text, "reference": note.reference, "where": _where(note.where)}


def _where(where: Where | None) -> Document | None:
    if where is None:
        return None
    return {"file": where.file, "line": where.line, "column": where.column, "path": where.path}
