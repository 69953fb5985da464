"""Where a stack's history is, and whether a run that wrote it was cut short. Apart, because a run that changes nothing
must learn it without loading a database.
"""

from __future__ import annotations

import hashlib
import os

MARK = ".begun"  # beside the history, from the first change of a run to its end


def path_of(directory: str, engine_id: str, stack: str) -> str:
    """The history of ``stack`` on that engine, below our directory on this host."""
    engine = hashlib.sha256(engine_id.encode()).hexdigest()[:16]
    return os.path.join(directory, "history", f"{engine}-{stack}.db")


def was_cut_short(path: str) -> bool:
    """Whether the last run that wrote this history never ended."""
    return os.path.exists(path + MARK)


def mark(path: str) -> None:
    """Lay the mark, if that can be done at all."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path + MARK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError:
        return
