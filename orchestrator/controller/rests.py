"""Services whose last change failed, and how long each is left alone before it is tried again. Pure: time and chance come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from orchestrator.controller.backoff import SERVICE
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Rest:
    """``failures`` in a row; ``until`` is monotonic seconds."""

    failures: int
    until: float
    message: str
    reference: str


STUBBORN = 2  # starts that failed, after which a container counts as broken


class Rests:
    """The services of one stack that failed."""

    def __init__(self) -> None:
        self._rests: dict[str, Rest] = {}
        self._starts: Counter[str] = Counter()

    def add(self, service: str, message: str, reference: str, now: float, chance: float) -> bool:
        """It failed once more; says whether this is news."""
        known = self._rests.get(service)
        failures = known.failures + 1 if known else 1
        self._rests[service] = Rest(failures, now + SERVICE.delay(failures, chance), message, reference)
        return known is None or known.message != message

    def active(self, now: float) -> Mapping[str, Rest]:
        """Who rests at this moment."""
        return {service: rest for service, rest in self._rests.items() if rest.until > now}

    def not_started(self, services: Iterable[str]) -> None:
        """The engine did not start containers of theirs that were there already."""
        self._starts.update(services)

    def stubborn(self, now: float) -> frozenset[str]:
        """Whose containers are to be replaced, for the engine does not start them any more; asking begins a new count."""
        resting = self.active(now)
        found = frozenset(name for name, count in self._starts.items() if count >= STUBBORN and name not in resting)
        for name in found:
            del self._starts[name]
        return found

    def forget(self) -> None:
        """Everyone begins with a clean count."""
        self._rests.clear()
        self._starts.clear()
