"""How long to wait before the next try: longer each time, never longer than a bound, never all at the same moment. Pure."""

from __future__ import annotations

from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds: ``first`` after one failure, then ``factor`` times as long, at most ``longest``.

    ``jitter`` is the share of a delay that chance decides: 0.2 spreads a delay of 10 s over 8 s to 12 s.
    """

    first: float
    longest: float
    factor: float = 2.0
    jitter: float = 0.2

    def delay(self, failures: int, chance: float = 0.5) -> float:
        """The delay after so many failures in a row; ``chance`` is a random number between 0 and 1."""
        if failures < 1:
            return 0.0
        steps = min(failures - 1, 64)  # beyond that every factor is past the bound
        base = min(self.first * self.factor**steps, self.longest)
        return base * (1 + self.jitter * (2 * chance - 1))


SERVICE = Backoff(first=2.0, longest=300.0)
STACK = Backoff(first=1.0, longest=300.0)
ENGINE = Backoff(first=0.2, longest=5.0)
CRASH_LOOP = Backoff(first=2.0, longest=300.0, jitter=0.0)
