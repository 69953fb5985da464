"""`stack graph`: who depends on whom, as text or as a picture's source."""

from __future__ import annotations

from orchestrator import graph
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only these services and what they depend on.")
    format: str = text(
        "--format",
        metavar="HOW",
        default="text",
        choices=("text", "dot", "mermaid", "json"),
        help="text, dot, mermaid or json.",
    )
    reduced: bool = flag("--reduced", help="Leave out edges that follow from others.")


def run(context: Context, options: Options) -> int:
    drawing = graph.picture(context.load(options.services), reduced=options.reduced)
    if options.format == "json":
        context.show(_json(drawing))
        return 0
    draw = {"dot": graph.dot, "mermaid": graph.mermaid}.get(options.format, graph.text)
    picture = draw(drawing)
    context.show(picture + "\n" if picture else "")
    return 0


def _json(drawing: graph.Picture) -> str:
    import json

    edges = [
        {"service": edge.source, "depends_on": edge.target, "condition": edge.label, "required": edge.required}
        for edge in drawing.edges
    ]
    return json.dumps({"services": list(drawing.nodes), "dependencies": edges}, indent=2) + "\n"
