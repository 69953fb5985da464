"""`stack events`: what happens to the stack's containers, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from orchestrator.cli import containers, loading, times
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.gotemplate import Template, values
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.engines.hands import Heard
from orchestrator.model import naming
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    format: str = text("--format", metavar="HOW", help="json, or a template such as '{{.Service}} {{.Action}}'.")
    json: bool = flag("--json", help="One JSON object a line.")
    since: str = text("--since", metavar="TIME", help="Begin with what happened since then (10m, 2026-01-02T15:04).")
    until: str = text("--until", metavar="TIME", help="End then.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    containers.of_services(context, containers.of_stack(context, name, oneoff=True), options.services)
    since, until = times.moment(options.since, "--since"), times.moment(options.until, "--until")
    line = _line("json" if options.json else options.format)
    heard = context.engine.hands.events(name, since=since, until=until)
    try:
        for event in heard:
            if _is_meant(event, options):
                context.show(line(event) + "\n")
                context.out.flush()
    finally:
        heard.close()
    return 0


def _is_meant(event: Heard, options: Options) -> bool:
    service = event.attributes.get(naming.SERVICE, "")
    oneoff = event.attributes.get(naming.ONEOFF) == "True"
    return not oneoff and (not options.services or containers.matches(service, options.services))


def _line(how: str) -> Callable[[Heard], str]:
    if not how:
        return _text
    if how == "json":
        return lambda event: values.as_json(_record(event))
    template = Template(how)
    return lambda event: template.render(_template_record(event))


def _record(event: Heard) -> dict[str, object]:
    """With Compose's keys; its own labels are no news."""
    attributes = {k: v for k, v in sorted(event.attributes.items()) if not k.startswith(naming.COMPOSE)}
    seconds, rest = divmod(event.moment, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"
    return {
        "time": moment,
        "type": "container",
        "service": event.attributes.get(naming.SERVICE, ""),
        "id": event.container,
        "action": event.action,
        "attributes": attributes,
    }


def _template_record(event: Heard) -> dict[str, object]:
    return {{"id": "ID"}.get(key, key.title()): value for key, value in _record(event).items()}


def _text(event: Heard) -> str:
    """``2026-01-02 15:04:05.123456 container start ID (image=..., name=...)``."""
    record = _record(event)
    seconds, rest = divmod(event.moment, 1_000_000_000)
    moment = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{rest // 1000:06d}"
    attributes = record["attributes"]
    assert isinstance(attributes, dict)
    said = ", ".join(f"{key}={value}" for key, value in attributes.items())
    return safe.one_line(f"{moment} container {event.action} {event.container} ({said})")
