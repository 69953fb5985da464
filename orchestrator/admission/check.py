"""A whole stack judged before anything of it is sent: what would be refused, with the places in the user's files.

Nothing is asked of an engine but whose things are, where a world is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.admission import endpoints, places, spec_rules
from orchestrator.admission.judging import Judge, Setting
from orchestrator.admission.rules import Violation
from orchestrator.engines.docker import rendering
from orchestrator.engines.gate import World
from orchestrator.errors import RuleViolation, Where
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass
from orchestrator.spec.document import Map, where


class Refused(RuleViolation):
    """A stack from elsewhere asks for what the policy of this host forbids. Nothing was changed."""

    reference = "policy"


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation and where it comes from."""

    where: Where
    violation: Violation

    def __str__(self) -> str:
        return f"{self.where}: {self.violation.message} [{self.violation.rule}]"


class Nobody:
    """A world in which there is nothing."""

    def owner(self, kind: str, name: str) -> str | None:
        del kind, name
        return None

    def mountpoint(self, volume: str) -> str:
        del volume
        return ""

    def sockets(self) -> tuple[str, ...]:
        return ()

    def user(self, container: str) -> str:
        del container
        return ""


class Coming:
    """The world as it will be: the stack's own containers are there. Any other that is named and not there is somebody else's."""

    def __init__(self, stack: Stack, world: World) -> None:
        self._stack, self._world = stack, world
        self._names = rendering.container_names(stack)

    def owner(self, kind: str, name: str) -> str | None:
        if kind != "container":
            return self._world.owner(kind, name)
        if name in self._names:
            return self._stack.name
        return self._world.owner(kind, name) or ""

    def mountpoint(self, volume: str) -> str:
        return self._world.mountpoint(volume)

    def sockets(self) -> tuple[str, ...]:
        return self._world.sockets()

    def user(self, container: str) -> str:
        service = self._names.get(container)
        return self._stack.services[service].container.user if service else self._world.user(container)


def findings(stack: Stack, model: Map | None, setting: Setting, world: World) -> list[Finding]:
    """All that breaks a rule, in the order of the files, each once. ``stack`` is the hardened one."""
    found = [
        Finding(_where(model, path), one) for path, one in _violations(stack, model, setting, Coming(stack, world))
    ]
    unique = {(one.where.file, one.where.line, one.violation.rule, one.where.path): one for one in found}
    return sorted(unique.values(), key=lambda one: (one.where.file, one.where.line, one.where.column, one.where.path))


def check(stack: Stack, model: Map | None, setting: Setting, world: World, *, about: str = "") -> None:
    """Raises Refused with all that breaks a rule. ``about`` says what is refused, such as a commit."""
    refused = [refusal(one, about) for one in findings(stack, model, setting, world)]
    if refused:
        raise Refused(
            refused[0].message,
            where=refused[0].where,
            hint=refused[0].hint,
            reference=refused[0].ref,
            others=refused[1:],
        )


def refusal(finding: Finding, about: str = "") -> Refused:
    violation = finding.violation
    return Refused(
        f"{about}{': ' if about else ''}policy: {violation.message} [{violation.rule}]",
        where=finding.where,
        hint=violation.hint,
        reference=f"policy-{violation.rule}",
    )


def _where(model: Map | None, path: Iterable[str | int]) -> Where:
    return Where(path=".".join(map(str, path))) if model is None else where(model, tuple(path))


def _violations(
    stack: Stack, model: Map | None, setting: Setting, world: World
) -> Iterator[tuple[Iterable[str | int], Violation]]:
    for placed in spec_rules.violations(Judge(setting, world), stack, model):
        yield placed.path, placed.violation
    for rendered in rendering.requests(stack, kept=setting.kept):
        judge = Judge(setting, world)
        endpoints.judge_request(judge, rendered.request)
        for violation in judge.found:
            base = _base(stack, rendered.base)
            yield (places.path(model, base, violation) if model is not None else base), violation


def _base(stack: Stack, base: rendering.Path) -> rendering.Path:
    """A front end is asked for by the service that it stands before."""
    service = stack.services.get(str(base[1])) if base[0] == "services" else None
    if service is None or service.front_end is None:
        return base
    return ("services", next((one.name for one in stack.services.values() if one.front == service.name), service.name))
