"""`stack info`: what the engine is, what it offers, and how it is reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.cli.declare import text
from orchestrator.cli.render import formats, safe
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass
from orchestrator.version import VERSION

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    format: str = text("--format", metavar="HOW", default="text", help="text, json or a Go template.")


def run(context: Context, options: Options) -> int:
    operations = context.engine.operations
    info = operations.info()
    client = {"Version": VERSION, "Endpoint": operations.endpoint, "ApiVersion": operations.api_version}
    if options.format != "text":
        context.show(formats.text(options.format, [{**info, "ClientInfo": client}], formats.Shape(columns=())))
        return 0
    lines = ["Client:", *_lines(client.items()), "Server:", *_lines(_server(info))]
    context.show("".join(f"{safe.one_line(line)}\n" for line in lines))
    for warning in info.get("Warnings") or ():
        context.say(safe.one_line(warning))
    return 0


def _lines(pairs: Iterable[tuple[str, object]]) -> list[str]:
    return [f" {name}: {_word(value)}" for name, value in pairs if value not in (None, "", [], {})]


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _server(info: Raw) -> Iterable[tuple[str, object]]:
    from orchestrator.cli.render import size

    yield "Containers", info.get("Containers")
    yield "  Running", info.get("ContainersRunning")
    yield "  Paused", info.get("ContainersPaused")
    yield "  Stopped", info.get("ContainersStopped")
    yield "Images", info.get("Images")
    yield "Server Version", info.get("ServerVersion")
    yield "Storage Driver", info.get("Driver")
    yield "Logging Driver", info.get("LoggingDriver")
    yield "Cgroup Driver", info.get("CgroupDriver")
    yield "Cgroup Version", info.get("CgroupVersion")
    for kind, names in (info.get("Plugins") or {}).items():
        yield f"{kind} Plugins", names
    yield "Swarm", (info.get("Swarm") or {}).get("LocalNodeState")
    yield "Runtimes", sorted(info.get("Runtimes") or {})
    yield "Default Runtime", info.get("DefaultRuntime")
    yield "Security Options", info.get("SecurityOptions")
    yield "Kernel Version", info.get("KernelVersion")
    yield "Operating System", info.get("OperatingSystem")
    yield "OSType", info.get("OSType")
    yield "Architecture", info.get("Architecture")
    yield "CPUs", info.get("NCPU")
    yield "Total Memory", size.of(int(info.get("MemTotal") or 0))
    yield "Name", info.get("Name")
    yield "ID", info.get("ID")
    yield "Docker Root Dir", info.get("DockerRootDir")
    yield "Debug Mode", info.get("Debug")
    yield "Insecure Registries", (info.get("RegistryConfig") or {}).get("InsecureRegistryCIDRs")
    yield "Registry Mirrors", (info.get("RegistryConfig") or {}).get("Mirrors")
    yield "Live Restore Enabled", info.get("LiveRestoreEnabled")
