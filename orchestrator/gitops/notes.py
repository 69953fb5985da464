"""Notes: small files of our own that are replaced whole, so that nobody ever reads half of one."""

from __future__ import annotations

import os
import threading


def read_note(path: str) -> str:
    """What was remembered at ``path``, "" for nothing."""
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def write_note(path: str, text: str) -> None:
    draft = f"{path}.{os.getpid()}.{threading.get_ident()}"
    with open(draft, "w", encoding="ascii") as file:
        file.write(text + "\n")
    os.replace(draft, path)
