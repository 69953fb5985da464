"""`stack ps`: the stack's containers, from one list call."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import arguments, flag, many, text
from orchestrator.cli.render import size
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.errors import UsageError
from orchestrator.model.probe import Probe
from orchestrator.records import dataclass, replace

STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
HEADINGS = ("NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS")
FIELDS = ("Name", "Image", "Command", "Service", "RunningFor", "Status", "Ports")
FIELD_HEADINGS = {
    "ID": "CONTAINER ID",
    "RunningFor": "CREATED",
    "CreatedAt": "CREATED AT",
    "ExitCode": "EXIT CODE",
    "LocalVolumes": "LOCAL VOLUMES",
}
RAW = "\\n".join(
    f"{name}: {{{{.{field}}}}}"
    for name, field in (
        ("container_id", "ID"),
        ("image", "Image"),
        ("command", "Command"),
        ("created_at", "CreatedAt"),
        ("state", "State"),
        ("status", "Status"),
        ("names", "Names"),
        ("labels", "Labels"),
        ("ports", "Ports"),
    )
)
_WORDS = {"healthy": "healthy", "unhealthy": "unhealthy", "starting": "health: starting"}  # as engines put it
COMMAND_WIDTH, MOUNT_WIDTH = 20, 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    all: bool = flag("-a", "--all", help="Stopped containers too, and those that `run` made.")
    filter: str = text("--filter", metavar="status=STATE", help="Only containers in this state.")
    format: str = text(
        "--format", metavar="HOW", help="table, json, raw, or a template such as '{{.Name}} {{.State}}'."
    )
    no_trunc: bool = flag("--no-trunc", help="Do not shorten.")
    orphans: bool = flag("--orphans", default=True, help="Containers of services that the file does not have, too.")
    quiet: bool = flag("-q", "--quiet", help="Only ids.")
    only_services: bool = flag("--services", help="Only names of services.")
    states: tuple[str, ...] = many("--status", metavar="STATE", help="Only containers in this state.")


def run(context: Context, options: Options) -> int:
    states = _states(options)
    known = loading.known(context)
    everything = options.all or bool(states)
    found = containers.of_stack(context, known.name, everything=everything, oneoff=options.all)
    found = [c for c in containers.of_services(context, found, options.services) if not states or c.state in states]
    if not options.orphans:
        declared = loading.identify(context).services
        found = [c for c in found if declared is None or c.service in declared]
    if not (options.quiet or options.only_services):
        found = _with_health(context, found, known.probes)
    context.show(_text(found, options, options.format or _usual_format(context, options)))
    return 0


def _with_health(context: Context, found: Sequence[Listed], probes: Mapping[str, Probe]) -> list[Listed]:
    """Services with a probe of their own are asked once, where the engine has no health of them."""
    asked = {
        c.id: probes[c.service]
        for c in found
        if c.state == "running" and c.service in probes and not c.oneoff and not c.health
    }
    health = context.engine.console.probed(asked) if asked else {}
    return [replace(c, status=f"{c.status} ({_WORDS[health[c.id]]})") if c.id in health else c for c in found]


def _usual_format(context: Context, options: Options) -> str:
    """``psFormat`` of Docker's own configuration."""
    if options.quiet or options.only_services:
        return ""
    from orchestrator.engines.docker import config

    usual = config.load(context.environment).get("psFormat")
    return usual if isinstance(usual, str) else ""


def _states(options: Options) -> frozenset[str]:
    wanted = list(options.states)
    if options.filter:
        key, equals, value = options.filter.partition("=")
        if key != "status" or not equals:
            raise UsageError(f"--filter does not understand {options.filter!r}", hint="write it like status=running")
        wanted.append(value)
    for state in wanted:
        if state not in STATES:
            raise UsageError(f"{state!r} is no state of a container", hint=f"one of {', '.join(STATES)}")
    return frozenset(wanted)


def _text(found: Sequence[Listed], options: Options, how: str) -> str:
    if options.quiet:
        return "".join(f"{container.id}\n" for container in found)
    if options.only_services:
        return "".join(f"{service}\n" for service in dict.fromkeys(container.service for container in found))
    now = time.time()
    if how in ("", "table"):
        return table(HEADINGS, [_row(container, now, options.no_trunc) for container in found])
    from orchestrator.cli.render import formats

    records = [
        record(container, now, whole=options.no_trunc)
        | {"Label": lambda key, labels=container.labels: labels.get(key, "")}
        for container in found
    ]
    return formats.text(how, records, formats.Shape(columns=FIELDS, headings=FIELD_HEADINGS, raw=RAW))


def _row(container: Listed, now: float, whole: bool) -> tuple[str, ...]:
    return (
        container.name,
        container.image,
        quoted(container.command, whole),
        container.service,
        age(container, now),
        container.status,
        ports(container),
    )


def record(container: Listed, now: float, *, whole: bool) -> dict[str, object]:
    """The container with Compose's keys."""
    mounts = container.mounts if whole else tuple(_cut(mount, MOUNT_WIDTH) for mount in container.mounts)
    return {
        "Command": quoted(container.command, whole),
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(container.created)),
        "ExitCode": container.exit_code,
        "Health": container.health,
        "ID": container.id if whole else container.id[:12],
        "Image": container.image,
        "Labels": ",".join(f"{key}={value}" for key, value in container.labels.items()),
        "LocalVolumes": str(container.local_volumes),
        "Mounts": ",".join(mounts),
        "Name": container.name,
        "Names": container.name,
        "Networks": ",".join(container.networks),
        "Ports": ports(container),
        "Project": container.stack,
        "Publishers": [
            {"URL": one.url, "TargetPort": one.target, "PublishedPort": one.published, "Protocol": one.protocol}
            for one in container.publishers
        ],
        "RunningFor": age(container, now),
        "Service": container.service,
        "Size": "0B",
        "State": container.state,
        "Status": container.status,
    }


def quoted(command: str, whole: bool) -> str:
    """The command in quotes, shortened as Docker shortens it."""
    escaped = (command if whole else _cut(command, COMMAND_WIDTH)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def age(container: Listed, now: float) -> str:
    return f"{size.ago(now - container.created)} ago"


def ports(container: Listed) -> str:
    return ", ".join(map(str, container.publishers))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
