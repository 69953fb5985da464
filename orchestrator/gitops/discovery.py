"""Which stacks lie in a checkout."""

from __future__ import annotations

import os

from orchestrator.spec import files


def discovered(place: str, path: str) -> dict[str, str]:
    """The stacks in a checkout: each folder of ``path`` with a spec, by its name, or ``path`` itself where it has one."""
    base = os.path.join(place, path)
    found: dict[str, str] = {}
    try:
        entries = sorted(entry.name for entry in os.scandir(base) if entry.is_dir())
    except OSError:
        return {}
    if _has_spec(base):
        return {os.path.basename(os.path.normpath(path)) or "stack": path}
    for name in entries:
        if _has_spec(os.path.join(base, name)):
            found[name] = os.path.join(path, name)
    return found


def _has_spec(folder: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, name)) for name in files.NAMES)
