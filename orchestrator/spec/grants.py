"""Env files and label files of services, read into their ``environment`` and ``labels``.

A service's own ``environment`` wins over its env files, the later file over the earlier. Variables inside env files
come from the project first, then from the service, then from earlier lines; inside label files from earlier label
files only.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import SpecError, Where
from orchestrator.spec import dotenv
from orchestrator.spec import environment as environments
from orchestrator.spec.context import Context
from orchestrator.spec.defaults import services_of
from orchestrator.spec.document import Map, Mark, Seq, where
from orchestrator.spec.substitute import Lookup


def resolve_environment(model: Map, environment: Mapping[str, str], context: Context) -> None:
    """Read the env files of every service; ``env_file`` is gone afterwards.

    Variables in env files of an included service are substituted from the include's environment, as in its other files.
    """
    for name, service in services_of(model):
        own = service.get("environment")
        if isinstance(own, Map):
            _fill_from(own, environment)
        if isinstance(service.get("env_file"), Seq):
            _add_env_files(model, name, context.environments.get(name, environment), context)
        service.pop("env_file", None)


def _fill_from(own: Map, environment: Mapping[str, str]) -> None:
    for key, value in own.items():
        if value is None and key in environment:
            own[key] = environment[key]


def _add_env_files(model: Map, name: str, environment: Mapping[str, str], context: Context) -> None:
    service = model["services"][name]
    files, own = service["env_file"], service.get("environment")
    if not isinstance(own, Map):
        own = Map(mark=files.mark)
    found = {key: value for key, value in own.items() if value is not None}

    def lookup(variable: str) -> str | None:
        value = environment.get(variable)
        return value if value is not None else own.get(variable)

    for index, entry in enumerate(files):
        _read(entry, where(model, ("services", name, "env_file", index)), found, lookup, context)
    mark = service.mark_of("env_file")
    for key, value in found.items():
        if key not in own:
            own.put(key, value, mark, mark)
    if own:
        service.put("environment", own, mark, own.mark)


def _read(entry: object, place: Where, found: dict[str, str], lookup: Lookup, context: Context) -> None:
    said = entry if isinstance(entry, Map) else Map((("path", entry),))
    path, style = str(said.get("path", "")), said.get("format") or ""
    context.note(path)
    if not said.get("required", True) and not context.disk.exists(path, place):
        return
    shown = context.shown(path)
    text = environments.read_text(path, shown, where=place, limits=context.limits, disk=context.disk)
    before = sum(map(len, found.values()))
    if style == "raw":
        dotenv.parse_raw(text, shown, lookup, found)
    elif style in ("", ".env"):
        dotenv.parse(text, shown, lookup, found, context.limits)
    else:
        raise SpecError(f"{style!r} is not a format of env files", where=place, hint="leave format out, or write raw")
    context.findings.account_expanded(sum(map(len, found.values())) - before, context.limits, place)


def resolve_labels(model: Map, context: Context) -> None:
    """Read the label files of every service; ``label_file`` is gone afterwards."""
    for name, service in services_of(model):
        files = service.get("label_file")
        if not isinstance(files, Seq):
            continue
        found: dict[str, str] = {}
        for index, path in enumerate(files):
            place, shown = where(model, ("services", name, "label_file", index)), context.shown(path)
            context.note(path)
            text = environments.read_text(
                path, shown, what="label file", where=place, limits=context.limits, disk=context.disk
            )
            dotenv.parse(text, shown, dict(found).get, found, context.limits)
            context.findings.account_expanded(sum(map(len, found.values())), context.limits, place)
        _put_labels(service, found, service.mark_of("label_file"))
        del service["label_file"]


def _put_labels(service: Map, found: Mapping[str, str], mark: Mark) -> None:
    own = service.get("labels")
    labels = own if isinstance(own, Map) else Map(mark=mark)
    for key, value in found.items():
        if key not in labels:
            labels.put(key, value, mark, mark)
    if labels and labels is not own:
        service.put("labels", labels, mark, mark)
