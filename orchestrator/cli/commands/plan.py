"""`stack plan`: what `up` would change and why, or what another commit of a repository would. Nothing is changed."""

from __future__ import annotations

import os

from orchestrator.cli import origins, planfile, recording, running, wishes
from orchestrator.cli.declare import flag, text
from orchestrator.cli.origins import Origin
from orchestrator.cli.render import plan_document
from orchestrator.cli.telling import SOCKET, VARIABLE
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import Wishes
from orchestrator.controller.reconcile import preview
from orchestrator.errors import PlanError, StackError, UsageError
from orchestrator.model.plan import Level, Plan
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Origin, Wishes):
    source: str = text(
        "--source", metavar="NAME", help="What --ref would change as the head of this source of host.yml."
    )
    url: str = text("--git", metavar="URL", help="What a stack of this repository would change: options as of deploy.")
    config: str = text("--config", metavar="FILE", help="The host file with --source; without it the daemon is asked.")
    socket: str = text(
        "--socket",
        metavar="PATH",
        help=f"The socket of the daemon that has --source. Default: of {VARIABLE}, else {SOCKET}.",
    )
    json: bool = flag("--json", help="As JSON, in the shape of plan.schema.json; of a commit: of proposal.schema.json.")
    format: str = text(
        "--format",
        metavar="HOW",
        choices=("", "text", "json", "markdown"),
        help="text or json; for the plan of a commit also markdown: a comment for a forge.",
    )
    detailed_exitcode: bool = flag("--detailed-exitcode", help="Exit with 2 if anything would change, 0 if nothing.")
    out: str = text("-o", "--out", metavar="FILE", help="Write the plan to a file for `stack apply FILE`.")


def run(context: Context, options: Options) -> int:
    if options.detailed_exitcode:
        context.error_code = 1  # 2 says that there are changes
    if options.source or options.url:
        from orchestrator.cli import proposing  # fetching and all that it needs

        return proposing.run(context, options)
    _check(options)
    stack = wishes.desired(context.load(options.services), options.scale)
    policy = wishes.policy(options, context, stack)
    plan, observed = preview(stack, context.engine.engine, policy)
    if not plan.empty:
        plan = replace(plan, notes=(*plan.notes, *recording.notes(context, stack.name)))
    if options.out:
        made = planfile.Made(plan=plan, stack=stack, observed=observed, policy=policy)
        request = planfile.request(context.shared, options.services, options.scale)
        _write(context, options.out, planfile.document(made, engine=context.engine.id, request=request))
    running.show(context, plan, as_json=options.json or options.format == "json")
    _refuse_impossible(plan)
    return 2 if options.detailed_exitcode and not plan.empty else 0


def _check(options: Options) -> None:
    """Nothing that is only for commits is passed over without a word."""
    for option, given in (("--config", options.config), ("--socket", options.socket)):
        if given:
            raise UsageError(f"{option} is for --source", hint="name a source of host.yml with it")
    if options.format == "markdown":
        raise UsageError("--format markdown is for the plan of a commit", hint="name it with --source or --git")
    origins.refuse(options, Origin, "is for a commit of a repository", "name it with --source or --git")


def _write(context: Context, path: str, document: plan_document.Document) -> None:
    """Only the user may read it: it names everything in the stack."""
    import json

    content = context.masked(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as problem:
        raise StackError(f"cannot write {path}: {problem.strerror}", reference="cannot-write") from problem


def _refuse_impossible(plan: Plan) -> None:
    """A plan that cannot reach the desired state is shown, and is a failure."""
    impossible = [note for note in plan.notes if note.level is Level.ERROR]
    if impossible:
        first = impossible[0]
        raise PlanError(first.text, where=first.where, reference=first.reference)
