"""Services whose last change failed, and how long each is left alone before it is tried again. Pure: time and chance come in."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.controller.backoff import SERVICE
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Rest:
    """``failures`` in a row; ``until`` is monotonic seconds."""

    failures: int
    until: float
    message: str
    reference: str


class Rests:
    """The services of one stack that failed."""

    def __init__(self) -> None:
        self._rests: dict[str, Rest] = {}

    def add(self, service: str, message: str, reference: str, now: float, chance: float) -> bool:
        """It failed once more; says whether this is news."""
        known = self._rests.get(service)
        failures = known.failures + 1 if known else 1
        self._rests[service] = Rest(failures, now + SERVICE.delay(failures, chance), message, reference)
        return known is None or known.message != message

    def active(self, now: float) -> Mapping[str, Rest]:
        """Who rests at this moment."""
        return {service: rest for service, rest in self._rests.items() if rest.until > now}

    def forget(self) -> None:
        """Everyone begins with a clean count."""
        self._rests.clear()
