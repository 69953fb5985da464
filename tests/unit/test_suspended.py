"""What somebody suspended stays suspended, whoever else says something at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.daemon.overrides import Suspended


def test_many_who_suspend_at_once_lose_nothing(tmp_path: Path) -> None:
    suspended, names = Suspended(str(tmp_path)), [f"s{number}" for number in range(40)]
    begin = threading.Barrier(8)

    def suspend(part: int) -> None:
        begin.wait()
        for name in names[part::8]:
            suspended.add(name)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(suspend, range(8)))

    assert [name for name in names if name in Suspended(str(tmp_path))] == names
