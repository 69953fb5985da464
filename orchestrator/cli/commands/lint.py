"""`stack lint`: everything in the files that Compose would pass over or weaken, and what becomes of it here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.cli import loading
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.errors import Where
from orchestrator.records import dataclass, replace
from orchestrator.spec import silences
from orchestrator.spec.document import where
from orchestrator.spec.load import Canonical

EPILOG = "Exit code 0, also with remarks; 2 for a file that is not valid; with --strict 1 when there is a warning."


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    files: tuple[str, ...] = arguments("[FILE]...", f"The files to look at, like -f. {EPILOG}")
    format: str = text("--format", metavar="HOW", default="text", choices=("text", "json"), help="text or json.")
    policy: bool = flag(
        "--policy",
        help="Warn of what the policy for stacks from repositories would refuse, too: that of a host or policy file among FILE, "
        "else this host's.",
    )
    strict: bool = flag("--strict", help="Exit with 1 when anything has no effect here (warnings; notes do not count).")


@dataclass(frozen=True, slots=True)
class Remark:
    """``note``: Compose passes over it and `stack` does not. ``warning``: it does not do what it seems to, here either."""

    where: Where
    level: str
    rule: str
    message: str
    compose: str = ""
    here: str = ""

    @property
    def order(self) -> tuple[str, int, int, str]:
        return self.where.file, self.where.line, self.where.column, self.where.path


def run(context: Context, options: Options) -> int:
    from orchestrator.cli import admitting

    specs, policies = admitting.sorted_out(options.files)
    if not options.policy:
        admitting.refuse(policies)
    context.shared = replace(context.shared, files=(*context.shared.files, *specs), all_resources=True)
    if not context.shared.profiles:
        context.shared = replace(context.shared, profiles=("*",))
    canonical = loading.canonical(context, loading.request(context))
    remarks = remarks_of(canonical)
    if options.policy:
        remarks = sorted([*remarks, *_forbidden(context, canonical, policies)], key=lambda remark: remark.order)
    context.show(_json(remarks) if options.format == "json" else "".join(map(_line, remarks)))
    warnings = sum(remark.level == "warning" for remark in remarks)
    if options.format == "text":
        context.say(f"{_counted(len(remarks) - warnings, 'note')}, {_counted(warnings, 'warning')}")
    return 1 if warnings and options.strict else 0


def remarks_of(canonical: Canonical) -> list[Remark]:
    """What there is to say, in the order of the files."""
    warnings = {warning.where: warning.text for warning in canonical.warnings}
    remarks = []
    for silence in silences.silences(canonical.model):
        place = where(canonical.model, silence.path)
        warned = warnings.pop(place, "")
        level, here = ("warning", warned) if warned else ("note", silence.here)
        remarks.append(Remark(place, level, silence.rule, f"{silence.compose}; here: {here}", silence.compose, here))
    remarks += [Remark(place, "warning", "loader", text) for place, text in warnings.items()]
    return sorted(remarks, key=lambda remark: remark.order)


def _forbidden(context: Context, canonical: Canonical, policies: Sequence[str]) -> list[Remark]:
    from orchestrator.cli import admitting

    return [
        Remark(one.where, "warning", f"policy-{one.violation.rule}", f"{one.violation.message}; {one.violation.hint}")
        for one in admitting.found(context, canonical, policies)
    ]


def _line(remark: Remark) -> str:
    place = str(replace(remark.where, path="")) or "-"
    path = f"{remark.where.path}: " if remark.where.path else ""
    return safe.one_line(f"{place}: {remark.level}: {path}{remark.message} [{remark.rule}]") + "\n"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _json(remarks: Iterable[Remark]) -> str:
    import json

    rows = [
        {
            "file": remark.where.file,
            "line": remark.where.line,
            "column": remark.where.column,
            "path": remark.where.path,
            "level": remark.level,
            "rule": remark.rule,
            "message": remark.message,
            "compose": remark.compose,
            "here": remark.here,
        }
        for remark in remarks
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
