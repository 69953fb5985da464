"""`stack version`: what runs here."""

from __future__ import annotations

from orchestrator.cli.declare import flag, text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass
from orchestrator.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    format: str = text("-f", "--format", metavar="HOW", choices=("", "pretty", "json"), help="pretty or json.")
    short: bool = flag("--short", help="The number alone.")


def run(context: Context, options: Options) -> int:
    if options.short:
        context.show(f"{VERSION}\n")
    elif options.format == "json":
        context.show(f'{{"version":"{VERSION}"}}\n')
    else:
        context.show(f"stack version {VERSION}\n")
    return 0
