"""`stack policy explain`: what stacks from repositories may not ask of this host, and what its policy grants them."""

from __future__ import annotations

import os

from orchestrator.cli.commands.daemon_run import DEFAULT_CONFIG
from orchestrator.cli.declare import argument, text
from orchestrator.cli.render.table import table
from orchestrator.cli.wiring import Context
from orchestrator.model.admission import BOUNDS, PIDS, REPLICAS, SERVICES, Admission
from orchestrator.records import dataclass

HEADINGS = ("RULE", "HERE", "IT FORBIDS")
_USUAL = {"services": SERVICES, "replicas": REPLICAS, "pids": PIDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    source: str = argument("[SOURCE]", "With what is granted to this source.", required=False)
    stack: str = argument("[STACK]", "And to this stack of it.", required=False)
    config: str = text("--config", metavar="FILE", help=f"The host file. Default: {DEFAULT_CONFIG}, where it exists.")
    format: str = text("--format", metavar="HOW", choices=("table", "json"), default="table", help="table or json.")


def run(context: Context, options: Options) -> int:
    from orchestrator.admission.rules import RULES
    from orchestrator.errors import NotFound
    from orchestrator.spec.admission import usual_file
    from orchestrator.spec.host import load_host, permits_of

    policy_file = usual_file(context.environment)
    permits = permits_of(policy_file)
    path = options.config or (DEFAULT_CONFIG if os.path.exists(DEFAULT_CONFIG) else "")
    if path:
        host = load_host(path, policy_file=policy_file)
        permits = host.permits
        if options.source and options.source not in host.sources:
            raise NotFound(f'{path} has no source "{options.source}"', reference="no-such-source")
    grants = permits.of(options.source, options.stack)
    rows = [(rule.id, _here(rule.id, rule.grant, grants), rule.forbids) for rule in RULES.values()]
    if options.format == "json":
        import json

        keys = ("rule", "here", "forbids")
        context.show(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2) + "\n")
    else:
        context.show(table(HEADINGS, rows, narrowest=10))
        context.say("profile " + (grants.profile or "default") + "; bounds: " + ", ".join(_bounds(grants)))
    return 0


def _here(rule: str, grant: str, grants: Admission) -> str:
    if rule in grants.allow:
        return "allowed"
    granted = getattr(grants, grant, ()) if grant and grant not in BOUNDS else ()
    return f"but for {', '.join(granted)}" if granted else "refused"


def _bounds(grants: Admission) -> list[str]:
    return [f"{getattr(grants, name) or usual} {name}" for name, usual in _USUAL.items()]
