"""`stack alpha viz`: the services as a Graphviz picture, in Compose's own shape."""

from __future__ import annotations

from html import escape

from orchestrator.cli.declare import flag, number
from orchestrator.cli.wiring import Context
from orchestrator.model.stack import Service
from orchestrator.model.values import Port
from orchestrator.records import dataclass

_SMALL = '<font point-size="10"><br/><br/><b>{title}:</b>{lines}</font>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    image: bool = flag("--image", help="Show images.")
    indentation_size: int | None = number("--indentation-size", help="How many tabs or spaces a level is.", default=1)
    networks: bool = flag("--networks", help="Show networks.")
    ports: bool = flag("--ports", help="Show ports.")
    spaces: bool = flag("--spaces", help="Indent with spaces instead of tabs.")


def run(context: Context, options: Options) -> int:
    stack = context.load(contents=False)
    indent = (" " if options.spaces else "\t") * max(0, options.indentation_size or 0)
    lines = [f"digraph {_quoted(stack.name)} {{", f"{indent}layout=dot;"]
    lines += [f"{indent}{_node(service, options)};" for service in stack.services.values()]
    lines.append("")
    for service in stack.services.values():
        needs = [name for name in service.depends_on if name in stack.services]
        lines += [f"{indent}{_quoted(service.name)} -> {_quoted(name)};" for name in sorted(needs)]
    context.show("\n".join([*lines, "}", ""]))
    return 0


def _node(service: Service, options: Options) -> str:
    label = f'<font point-size="15">{escape(service.name)}</font>'
    if options.networks:
        label += _part("Networks", sorted(service.container.networks))
    if options.ports:
        label += _part("Ports", [_port(port) for port in service.container.ports])
    if options.image and service.container.image:
        label += _part("Image", [service.container.image])
    return f'{_quoted(service.name)} [style="filled" label=<{label}>]'


def _part(title: str, items: list[str]) -> str:
    return _SMALL.format(title=title, lines="".join(f"<br/>{escape(item)}" for item in items)) if items else ""


def _port(port: Port) -> str:
    host = f"{port.host_ip}:" if port.host_ip else ""
    return f"{host}{port.published}:{port.target} ({port.protocol}, {port.mode})"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
