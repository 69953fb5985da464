"""What people stop on purpose is kept in mind, for a controller of this host."""

from __future__ import annotations

import json
from typing import Any

from .conftest import Shell


def stopped(shell: Shell) -> Any:
    """What is kept in mind of the only stack; nothing where no file is left."""
    files = list((shell.folder.parent / "state" / "intents").rglob("*.json"))
    return json.loads(files[0].read_text()) if files else None


def test_nothing_is_kept_in_mind_of_what_runs(shop: Shell) -> None:
    shop("up", "-d").ok()

    assert stopped(shop) is None


def test_a_stopped_service_is_kept_in_mind_until_it_is_started(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("stop", "web").ok()
    assert {"stopped": ["web"], "down": False} == stopped(shop)
    shop("stop").ok()
    assert {"stopped": ["db", "web"], "down": False} == stopped(shop)
    shop("start", "db").ok()
    assert {"stopped": ["web"], "down": False} == stopped(shop)
    shop("up", "-d").ok()

    assert stopped(shop) is None


def test_a_stack_taken_down_is_kept_in_mind(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("down").ok()
    assert {"stopped": [], "down": True} == stopped(shop)
    shop("up", "-d", "db").ok()

    assert stopped(shop) is None


def test_a_rehearsal_keeps_nothing_in_mind(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("--dry-run", "stop").ok()
    shop("--dry-run", "down").ok()

    assert stopped(shop) is None
