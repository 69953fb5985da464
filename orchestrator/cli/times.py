"""Times as people write them (``10m``, ``2026-01-02T15:04``, ``1735830240``) in the form the engine takes."""

from __future__ import annotations

import re
import time

from orchestrator.errors import UsageError

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def moment(text: str, option: str) -> str:
    """Seconds since 1970 as the engine takes them; "" stays ""."""
    if not text or text.replace(".", "", 1).isdigit():
        return text
    seconds = _duration(text)
    if seconds is not None:
        return f"{time.time() - seconds:.9f}"
    from datetime import datetime

    try:
        return f"{datetime.fromisoformat(text).timestamp():.9f}"
    except ValueError:
        raise UsageError(
            f"{option} does not understand the time {text!r}",
            hint="write how long ago (10m, 1h30m) or when (2026-01-02T15:04:05)",
        ) from None


def _duration(text: str) -> float | None:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text.lstrip("+-"))
    if not parts or "".join(number + unit for number, unit in parts) != text.lstrip("+-"):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
