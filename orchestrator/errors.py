"""The errors a person reads: what happened, where, and what to do next.

::

    StackError                     exit 1
    ├── UsageError                 exit 2   the command line
    ├── SpecError                  exit 2   the user's files
    │   ├── SyntaxProblem                   YAML that cannot be read
    │   ├── LimitExceeded                   larger, deeper or more entangled than allowed
    │   ├── InterpolationError              ${VAR:?}, bad forms
    │   ├── SchemaViolation                 unknown key, wrong type
    │   └── RuleViolation                   fields that contradict each other, undefined references
    ├── PlanError                  exit 1   desired state cannot be reached from here
    │   └── PlanOutdated                    the world moved since the plan was made
    ├── EngineError                exit 1   the engine said no
    │   ├── EngineUnreachable               retryable
    │   ├── NotFound
    │   ├── Conflict
    │   └── ImageUnavailable
    ├── UnknownService             exit 1   a service that neither file nor engine knows
    ├── ApplyFailed                exit 1   at least one step failed
    ├── StoppedOnPurpose           exit 1   what is asked for would change nothing, because somebody stopped it
    ├── LockHeld                   exit 75  another writer holds the stack
    └── Interrupted                exit 130 or 143

Every error has a stable ``reference`` in kebab case. Errors are raised near the fact, translated once at the edge of each
layer, and turned into output and an exit code in one place: ``orchestrator.cli.main``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the user's files: ``app.yml:12:7, services.web.ports[0]``. Lines and columns count from 1."""

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return ", ".join(part for part in (place, self.path) if part)


class StackError(Exception):
    """Base of all errors shown to the user without a traceback."""

    reference: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, where: Where | None = None, hint: str = "", reference: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self._reference = reference

    @property
    def ref(self) -> str:
        """The stable, kebab-case reference of this error."""
        return self._reference or type(self).reference

    def __str__(self) -> str:
        lines = [self.message]
        if self.where is not None and str(self.where):
            lines.append(f"  at {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class UsageError(StackError):
    """The command line asks for something that does not exist or does not go together."""

    reference = "usage"
    exit_code = 2


class SpecError(StackError):
    """The user's files cannot be turned into a stack. ``others`` holds further problems found in the same run."""

    reference = "invalid-spec"
    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        where: Where | None = None,
        hint: str = "",
        reference: str = "",
        others: Iterable[SpecError] = (),
    ) -> None:
        super().__init__(message, where=where, hint=hint, reference=reference)
        self.others = tuple(others)

    def masked(self, secrets: Iterable[str], mask: str = "***") -> None:
        """Take secret values out of the words of this error and of the others with it."""
        for secret in sorted(secrets, key=len, reverse=True):
            self.message, self.hint = self.message.replace(secret, mask), self.hint.replace(secret, mask)
        self.args = (self.message,)
        for other in self.others:
            other.masked(secrets, mask)

    def retold(self, told: Callable[[str], str], most: int) -> None:
        """Put the words and places of this error through ``told``, and those of the first others; no more than ``most`` stay."""
        self.message, self.hint = told(self.message), told(self.hint)
        self.args = (self.message,)
        if self.where is not None:
            self.where = Where(told(self.where.file), self.where.line, self.where.column, told(self.where.path))
        self.others = self.others[:most]
        for other in self.others:
            other.retold(told, 0)


class SyntaxProblem(SpecError):
    reference = "invalid-yaml"


class LimitExceeded(SpecError):
    reference = "limit-exceeded"


class InterpolationError(SpecError):
    reference = "invalid-interpolation"


class SchemaViolation(SpecError):
    reference = "schema-violation"


class RuleViolation(SpecError):
    reference = "rule-violation"


class PlanError(StackError):
    reference = "cannot-plan"


class PlanOutdated(PlanError):
    reference = "plan-outdated"


class EngineError(StackError):
    """The engine refused or failed. ``status`` is the HTTP status of its answer, 0 where there was none."""

    reference = "engine"

    def __init__(
        self, message: str, *, where: Where | None = None, hint: str = "", reference: str = "", status: int = 0
    ) -> None:
        super().__init__(message, where=where, hint=hint, reference=reference)
        self.status = status


class EngineUnreachable(EngineError):
    reference = "engine-unreachable"
    retryable = True


class NotFound(EngineError):
    reference = "not-found"


class Conflict(EngineError):
    reference = "conflict"
    retryable = True


class ImageUnavailable(EngineError):
    reference = "image-unavailable"


class UnknownService(StackError):
    """A service is named that neither the file nor a container knows; exits as Compose does."""

    reference = "no-such-service"


class ApplyFailed(StackError):
    """At least one step of a plan failed; the message names the first, with the container's last log lines."""

    reference = "apply-failed"


class StoppedOnPurpose(StackError):
    """Somebody stopped it, and a controller is asked for what it leaves to people: to start it again."""

    reference = "stopped-on-purpose"


class LockHeld(StackError):
    reference = "stack-busy"
    exit_code = 75


class Interrupted(StackError):
    """A signal ended the run. ``signal_number`` decides the exit code (130 for SIGINT, 143 for SIGTERM)."""

    reference = "interrupted"
    exit_code = 130

    def __init__(self, message: str = "interrupted", *, signal_number: int = 2) -> None:
        super().__init__(message)
        self.signal_number = signal_number
