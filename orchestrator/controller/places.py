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
