"""`stack schema`: the JSON Schema of the file format, for editors and other tools."""

from __future__ import annotations

from orchestrator.cli import output
from orchestrator.cli.declare import flag, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass
from orchestrator.resources import schema_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    comment: bool = flag(
        "--comment", help="Print the comment that tells editors with yaml-language-server where the schema is."
    )
    output: str = text("-o", "--output", metavar="FILE", help="Write to a file.")
    path: bool = flag("--path", help="Print where the schema lies on this machine.")


def run(context: Context, options: Options) -> int:
    path = schema_path("stack")
    if options.path or options.comment:
        output.write(context, options.output, f"{_comment(path)}\n" if options.comment else f"{path}\n")
        return 0
    with open(path, encoding="utf-8") as file:
        output.write(context, options.output, file.read())
    context.say(f"hint: editors check a file that begins with `{_comment(options.output or path)}`")
    return 0


def _comment(path: str) -> str:
    return f"# yaml-language-server: $schema={path}"
