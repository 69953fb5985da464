"""`stack explain PATH`: what an attribute means, its forms and an example, from the schema."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.cli.declare import argument, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass
from orchestrator.spec import yamltext
from orchestrator.spec.explain import Explanation, explain

_WIDEST = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    path: str = argument(
        "PATH", "A place in a file, such as services.web.deploy; without it, the top level.", required=False
    )
    format: str = text("--format", metavar="HOW", default="text", choices=("text", "json"), help="text or json.")


def run(context: Context, options: Options) -> int:
    told = explain(options.path)
    context.show(_json(told) if options.format == "json" else "".join(f"{line}\n" for line in _text(told)))
    return 0


def _text(told: Explanation) -> Iterator[str]:
    yield told.path or "the file"
    yield f"  {told.description}" + (" Deprecated." if told.deprecated else "")
    if told.compose:
        yield f"  {told.compose}; here: {told.here}."
    if told.forms:
        yield "\nForms:"
        yield from (f"  {form}" for form in told.forms)
    if told.examples:
        yield "\nExamples:" if len(told.examples) > 1 else "\nExample:"
        for example in told.examples:
            written = yamltext.dump({told.key: example} if told.key else example)
            yield from (f"  {line}" for line in written.splitlines())
    if told.keys:
        yield "\nKeys:"
        width = min(_WIDEST, max(map(len, told.keys)))
        yield from (f"  {key.ljust(width)}  {meaning}" for key, meaning in told.keys.items())


def _json(told: Explanation) -> str:
    import json

    shown = {
        "path": told.path,
        "description": told.description,
        "deprecated": told.deprecated,
        "forms": told.forms,
        "examples": told.examples,
        "keys": dict(told.keys),
        "compose": told.compose,
        "here": told.here,
    }
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
