"""The gate of one stack: what a guarded engine asks before it sends anything."""

from __future__ import annotations

from orchestrator.admission import endpoints
from orchestrator.admission.judging import Judge, Setting
from orchestrator.admission.rules import Violation
from orchestrator.engines.gate import NotAdmitted, Request, World


class StackGate:
    """Implements ``engines.gate.Gate``."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def violations(self, request: Request, world: World) -> list[Violation]:
        """All that breaks a rule."""
        judge = Judge(self.setting, world)
        endpoints.judge_request(judge, request)
        return judge.found

    def admit(self, request: Request, world: World) -> None:
        found = self.violations(request, world)
        if found:
            first = found[0]
            place = f" ({first.field})" if first.field else ""
            more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
            raise NotAdmitted(
                f"policy: {first.message}{place} [{first.rule}]{more}; nothing was sent",
                hint=first.hint,
                reference=f"policy-{first.rule}",
            )
