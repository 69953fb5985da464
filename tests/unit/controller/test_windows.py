"""Windows: what somebody wants to be changed waits for them; what has to be mended does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.controller.sources import Wanted
from orchestrator.controller.status import Phase
from orchestrator.controller.windows import Windowed
from orchestrator.errors import SchemaViolation
from orchestrator.model.host import Window
from orchestrator.model.observed import State
from tests.support import builders
from tests.support.kept_host import SHOP, Host

NEXT = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:2", "depends_on": ["db"]}})
NIGHT = Window(22 * 60, 6 * 60)


class Nightly(Host):
    """A host whose stack changes at night. ``known`` is what the history has of what was brought about before."""

    def __init__(self, directory: Path) -> None:
        self.minute = 23 * 60
        self.known: Wanted | None = None
        super().__init__(directory)
        self.begin()

    def begin(self) -> None:
        """The daemon begins, or begins anew."""
        self.source = Windowed(self.files, (NIGHT,), lambda: (0, self.minute), lambda _: self.known)
        self.keep(windows=(NIGHT,))

    @property
    def version(self) -> set[str]:
        return {c.image for c in self.engine.world.containers if c.name.startswith("shop-web")}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nightly:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    made = Nightly(tmp_path)
    assert Phase.CONVERGED is made.look()
    made.minute = 12 * 60
    return made


def test_a_new_version_waits_for_its_window_and_is_shown_meanwhile(host: Nightly) -> None:
    host.files.stack = NEXT

    assert Phase.WAITING is host.look()
    newer = host.keeper.status.newer
    assert newer is not None
    assert ("waits-for-window", 1) == (newer.reference, newer.changes)
    assert {"web:1"} == host.version
    assert host.keeper.run() <= 30, "it is soon looked whether a window has opened"
    host.minute = 22 * 60
    assert Phase.CONVERGED is host.look()
    assert {"web:2"} == host.version


def test_what_is_removed_stopped_or_changed_by_hand_is_mended_also_outside_of_its_windows(host: Nightly) -> None:
    host.files.stack = NEXT
    host.look()
    host.remove("shop-web-1")
    host.change("shop-db-1", state=State.EXITED, exit_code=137)

    assert Phase.WAITING is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()
    assert {"web:1"} == host.version


def test_a_daemon_that_begins_outside_of_the_windows_keeps_what_was_brought_about_last(host: Nightly) -> None:
    host.files.stack, host.known = NEXT, Wanted(stack=SHOP)
    host.begin()
    host.remove("shop-web-1")

    assert Phase.WAITING is host.look()
    assert (["shop-db-1", "shop-web-1"], {"web:1"}) == (host.serving(), host.version)
    host.minute = 1 * 60
    assert Phase.CONVERGED is host.look()
    assert {"web:2"} == host.version


def test_a_stack_of_which_nothing_is_known_waits_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    host = Nightly(tmp_path)
    host.minute = 12 * 60

    assert Phase.WAITING is host.look()
    assert [] == host.serving()
    host.minute = 23 * 60
    assert Phase.CONVERGED is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_what_runs_as_the_file_says_already_is_kept_although_nothing_is_known_of_it(host: Nightly) -> None:
    host.begin()
    assert Phase.CONVERGED is host.look()
    host.remove("shop-web-1")

    assert Phase.CONVERGED is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_a_broken_file_is_shown_and_what_was_there_is_mended(host: Nightly) -> None:
    host.files.stack = SchemaViolation("no services")
    host.look()
    host.remove("shop-web-1")

    assert Phase.INVALID is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_an_order_does_not_wait(host: Nightly) -> None:
    host.files.stack = NEXT
    host.look()
    host.keeper.force()

    assert Phase.CONVERGED is host.look()
    assert {"web:2"} == host.version
    host.files.stack = SHOP
    assert Phase.WAITING is host.look(), "it held for that version alone"


def test_a_file_that_is_put_back_has_nothing_to_wait_for(host: Nightly) -> None:
    host.files.stack = NEXT
    host.look()
    host.files.stack = SHOP

    assert Phase.CONVERGED is host.look()
    assert host.keeper.status.newer is None
