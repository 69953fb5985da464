"""`stack doctor`: is the engine fit for this stack, and the host for its engine; with what to do where not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orchestrator.cli import checks, loading
from orchestrator.cli.checks import Finding
from orchestrator.cli.declare import text
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.errors import EngineError, EngineUnreachable, StackError
from orchestrator.model.plan import Level
from orchestrator.model.stack import PullPolicy, Stack
from orchestrator.records import dataclass

if TYPE_CHECKING:
    from orchestrator.engines.operations import Operations, Raw

WORDS = {Level.INFO: "ok", Level.WARNING: "warning", Level.ERROR: "error"}
QUESTIONS_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    format: str = text("--format", metavar="HOW", default="text", choices=("text", "json"), help="text or json.")


def run(context: Context, options: Options) -> int:
    findings: list[Finding] = []
    stack = _stack(context, findings)
    try:
        findings += _with_engine(context, stack)
    except EngineUnreachable as problem:
        findings.append(_told("engine", problem))
    context.show(context.masked(_json(stack, findings) if options.format == "json" else _text(findings)))
    return int(any(finding.level is Level.ERROR for finding in findings))


def _stack(context: Context, findings: list[Finding]) -> Stack | None:
    """The stack, and findings about its files; ``None`` where there is none or it cannot be read."""
    from orchestrator.spec.files import FileMissing

    try:
        stack = context.load()
        secrets = loading.canonical(context, loading.request(context)).model.get("secrets") or {}
    except FileMissing as problem:
        if context.shared.files:
            findings.append(_told("file", problem))
        else:
            findings.append(Finding(check="file", text="there is no file here; only the engine is looked at"))
        return None
    except StackError as problem:
        findings.append(_told("file", problem))
        return None
    findings.append(Finding(check="file", text=f"{', '.join(map(os.path.basename, stack.config_files))} can be read"))
    findings += checks.secrets({name: one["file"] for name, one in secrets.items() if one and one.get("file")})
    return stack


def _with_engine(context: Context, stack: Stack | None) -> Iterator[Finding]:
    operations = context.engine.operations
    before = time.time()
    info = operations.info()
    skew = _skew(info, before, time.time())
    yield checks.engine(operations.endpoint, operations.api_version, info)
    yield checks.disk(info, local=operations.on_this_machine)
    yield checks.clock(skew)
    if stack is None:
        yield checks.pools(info, operations.subnets(), 0)
        return
    yield from checks.limits(info, stack.services.values())
    yield from _of_stack(context, operations, info, stack)


def _of_stack(context: Context, operations: Operations, info: Raw, stack: Stack) -> Iterator[Finding]:
    from orchestrator.controller.reconcile import preview
    from orchestrator.model import naming
    from orchestrator.planner.policy import Policy

    plan, observed = preview(stack, context.engine.engine, Policy(ignore_orphans=True))
    yield checks.pools(info, operations.subnets(), checks.needed_networks(stack, observed))
    yield from checks.elsewhere(stack, (c.labels.get(naming.WORKING_DIR, "") for c in observed.containers))
    yield from checks.planned(plan.notes)
    yield from _images(operations, stack, frozenset(observed.images))


def _images(operations: Operations, stack: Stack, present: frozenset[str]) -> Iterator[Finding]:
    """Images that are not here are asked for in their registries."""
    absent = sorted(
        {
            service.container.image
            for service in stack.services.values()
            if service.container.image not in present
            and service.build is None
            and service.provider is None
            and service.pull_policy is not PullPolicy.NEVER
        }
    )
    with ThreadPoolExecutor(QUESTIONS_AT_ONCE) as pool:
        answers = list(pool.map(lambda image: _asked(lambda: operations.resolve(image)), absent))
    problems = [problem for problem in answers if problem is not None]
    yield from (_told("images", problem) for problem in problems)
    if not problems:
        text = f"{len(absent)} to pull, and their registries have them" if absent else "all are here or built here"
        yield Finding(check="images", text=text)


def _asked(question: Callable[[], object]) -> StackError | None:
    try:
        question()
    except EngineError as problem:
        return problem
    return None


def _skew(info: Raw, before: float, after: float) -> float:
    """The engine's clock against ours, taking the whole of the question's time as doubt."""
    from datetime import datetime

    whole, _, rest = str(info.get("SystemTime") or "").partition(".")
    digits = "".join(char for char in rest if char.isdigit() or char in "+-:Z")
    zone = next((digits[at:] for at, char in enumerate(digits) if char in "+-Z"), "")
    try:
        theirs = datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
    return theirs - after if theirs > after else min(0.0, theirs + 1 - before)


def _told(check: str, problem: StackError) -> Finding:
    where = "" if problem.where is None else str(problem.where)
    return Finding(check=check, text=problem.message, level=Level.ERROR, hint=problem.hint, where=where)


def _text(findings: Iterable[Finding]) -> str:
    lines = []
    for finding in findings:
        where = f"{finding.where}: " if finding.where else ""
        lines.append(f"{WORDS[finding.level]:<8} {finding.check:<9} {where}{finding.text}")
        if finding.hint:
            lines.append(f"{'':<8} {'':<9} -> {finding.hint}")
    return "".join(
        f"{safe.one_line(line.rstrip()) if not line.startswith(' ') else safe.harmless(line)}\n" for line in lines
    )


def _json(stack: Stack | None, findings: list[Finding]) -> str:
    import json

    record = {
        "stack": "" if stack is None else stack.name,
        "ok": not any(finding.level is Level.ERROR for finding in findings),
        "findings": [
            {
                "check": finding.check,
                "level": WORDS[finding.level],
                "text": finding.text,
                "hint": finding.hint,
                "where": finding.where,
            }
            for finding in findings
        ],
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"
