"""`stack history`: the revisions of a stack; one of them in full; what differs between two."""

from __future__ import annotations

import time

from orchestrator.cli import loading, recording
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.wiring import Context
from orchestrator.controller.history import History, Revision
from orchestrator.errors import UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    words: tuple[str, ...] = arguments(
        "[show [N] | diff N [M]]", "Nothing: the list. show: one revision, by default the one that serves. diff: two."
    )
    spec: bool = flag("--spec", help="With show: the recorded file, secrets masked, instead of the run.")
    json: bool = flag("--json", help="As JSON, in the shape of history.schema.json.")
    format: str = text("--format", metavar="HOW", choices=("", "table", "text", "json"), help="table, text or json.")
    quiet: bool = flag("-q", "--quiet", help="Only the numbers.")


def run(context: Context, options: Options) -> int:
    what, *rest = options.words or ("list",)
    if what not in ("list", "show", "diff") or len(rest) > {"list": 0, "show": 1, "diff": 2}[what]:
        raise UsageError(
            f"`{' '.join(options.words)}` is not understood", hint="history, history show N, history diff N M"
        )
    name = loading.name_of(context)
    with recording.opened(context, name) as past:
        if what == "list":
            _list(context, options, name, past)
        elif what == "show":
            _show(context, options, name, past, rest)
        else:
            _diff(context, options, name, past, rest)
    return 0


def _list(context: Context, options: Options, name: str, past: History) -> None:
    from orchestrator.cli.render import history as render

    revisions = past.all()
    if options.quiet:
        context.show("".join(f"{one.number}\n" for one in revisions))
    elif _as_json(options):
        _print(context, render.document(name, revisions, _serving(past)))
    else:
        context.show(render.listing(revisions, _serving(past), time.time()))


def _show(context: Context, options: Options, name: str, past: History, rest: list[str]) -> None:
    from orchestrator.cli.render import history as render

    revision = _one(past, rest[0]) if rest else past.serving()
    if revision is None:
        raise UsageError("nothing was applied yet", reference="no-such-revision")
    serves = revision.number == _serving(past)
    if _as_json(options):
        _print(context, render.whole(name, revision, serves))
    elif options.spec:
        from orchestrator.spec.yamltext import dump

        context.show(dump(revision.spec.get("model") or {}).replace("$", "$$"))
    else:
        context.show(render.page(revision, serves))


def _diff(context: Context, options: Options, name: str, past: History, rest: list[str]) -> None:
    from orchestrator.controller import compare

    if not rest:
        raise UsageError("between which revisions?", hint="stack history diff N M")
    before = _one(past, rest[0])
    after = _one(past, rest[1]) if len(rest) > 1 else past.serving()
    assert after is not None
    found = compare.compared(before, after)
    if _as_json(options):
        differences = [{"path": one.path, "before": one.before, "after": one.after} for one in found]
        _print(
            context, {"format": 1, "stack": name, "from": before.number, "to": after.number, "differences": differences}
        )
        return
    from orchestrator.cli.render import safe

    context.show("".join(f"{safe.one_line(one.words)}\n" for one in found))
    if not found:
        context.say(f"revisions {before.number} and {after.number} do not differ")


def _one(past: History, text: str) -> Revision:
    return recording.revision(past, text)


def _serving(past: History) -> int:
    serving = past.serving(whole=False)
    return serving.number if serving is not None else 0


def _as_json(options: Options) -> bool:
    return options.json or options.format == "json"


def _print(context: Context, document: dict[str, object]) -> None:
    import json

    context.show(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
