"""What the policy for stacks from repositories would refuse in the files of the command line. It keeps nothing from anybody."""

from __future__ import annotations

from orchestrator.admission.check import Finding, Nobody, findings
from orchestrator.admission.guard import setting_of
from orchestrator.admission.hardening import hardened
from orchestrator.cli.wiring import Context
from orchestrator.spec.admission import usual_file
from orchestrator.spec.host import permits_of
from orchestrator.spec.load import Canonical, stack_of


def found(context: Context, canonical: Canonical) -> list[Finding]:
    """All that breaks a rule, in the order of the files, with what this host's policy file grants to every stack granted."""
    stack = stack_of(canonical, read_contents=False)
    grants = permits_of(usual_file(context.environment)).of("", stack.name)
    made = hardened(stack, grants)
    setting = setting_of(made, grants, roots=(canonical.working_dir,), environment=context.environment)
    return findings(made, canonical.model, setting, Nobody())
