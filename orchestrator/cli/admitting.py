"""What the policy for stacks from repositories would refuse in the files of the command line. It keeps nothing from anybody."""

from __future__ import annotations

import os
from collections.abc import Sequence

from orchestrator.admission.check import Finding, Nobody, findings
from orchestrator.admission.guard import setting_of
from orchestrator.admission.hardening import hardened
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.model.admission import Permits
from orchestrator.spec.admission import usual_file
from orchestrator.spec.host import load_host, permits_of
from orchestrator.spec.host_kind import Kind, kind_of
from orchestrator.spec.load import Canonical, stack_of


def sorted_out(files: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of files of the command line: the specs, and those that say what this host permits."""
    meant = {file: kind_of(file) for file in files}
    specs = tuple(file for file, kind in meant.items() if kind is Kind.OTHER)
    return specs, tuple(file for file in meant if file not in specs)


def refuse(files: Sequence[str]) -> None:
    """Say of files that are no specs what they are, and how they are given."""
    for file in files:
        kind = kind_of(file)
        raise UsageError(
            f"{file} is a {kind.value} file, and lint looks at specs",
            hint=f"to see what it would refuse in a spec: stack lint --policy {file} app.yml",
            reference="no-spec",
        )


def found(context: Context, canonical: Canonical, policies: Sequence[str] = ()) -> list[Finding]:
    """All that breaks a rule, in the order of the files. What is granted to every stack is granted: by a host or policy file of
    ``policies``, and without one by this host's policy file."""
    stack = stack_of(canonical, read_contents=False)
    grants = _permits(context, policies).of("", stack.name)
    made = hardened(stack, grants)
    setting = setting_of(made, grants, roots=(canonical.working_dir,), environment=context.environment)
    return findings(made, canonical.model, setting, Nobody())


def _permits(context: Context, policies: Sequence[str]) -> Permits:
    usual = usual_file(context.environment)
    if not policies:
        return permits_of(usual)
    if len(policies) > 1:
        raise UsageError(f"several files say what is permitted: {', '.join(policies)}", hint="name one")
    path = os.path.abspath(policies[0])
    return permits_of(path) if kind_of(path) is Kind.POLICY else load_host(path, policy_file=usual).permits
