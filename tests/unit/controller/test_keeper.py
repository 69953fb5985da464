"""One stack kept as its file says, pass by pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.controller.lock import stack_lock
from orchestrator.controller.loop import Loop
from orchestrator.controller.sources import Wanted
from orchestrator.controller.status import Phase
from orchestrator.engines.memory import Behaviour
from orchestrator.errors import EngineError, SchemaViolation
from orchestrator.model.actions import (
    Action,
    CreateContainer,
    CreateNetwork,
)
from orchestrator.model.host import Mode
from orchestrator.model.observed import Health, State
from tests.support import builders
from tests.support.kept_host import SHOP, Host, host

__all__ = ["host"]


def test_what_the_file_says_is_brought_about_and_then_left_alone(host: Host) -> None:
    assert Phase.CONVERGED is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()
    done = len(host.engine.executed)

    assert Phase.CONVERGED is host.look(passes=50)
    assert done == len(host.engine.executed)


def test_a_container_removed_by_hand_is_back_after_the_next_pass(host: Host) -> None:
    host.look()
    host.remove("shop-web-1")

    assert Phase.CONVERGED is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_drift_is_only_shown_where_the_host_says_report(host: Host) -> None:
    host.look()
    host.remove("shop-web-1")
    host.keep(mode=Mode.REPORT)

    assert Phase.DRIFTED is host.look()
    assert ["shop-db-1"] == host.serving()
    assert ["web.1"] == [drift.object for drift in host.keeper.status.drift]
    assert 1 == len(host.told("drift"))


def test_a_suspended_stack_is_not_even_looked_at(host: Host) -> None:
    host.look()
    host.remove("shop-web-1")
    host.keep(mode=Mode.SUSPENDED)

    assert Phase.SUSPENDED is host.look()
    assert ["shop-db-1"] == host.serving()


def test_a_service_stopped_on_purpose_stays_stopped_also_after_a_restart_of_the_daemon(host: Host) -> None:
    host.look()
    host.intents.stop("shop", ["web"])
    host.change("shop-web-1", state=State.EXITED, exit_code=137)

    assert Phase.CONVERGED is host.look()
    host.keep()
    host.look()
    assert ["shop-db-1"] == host.serving()
    assert [False, True] == [service.stopped for service in host.keeper.status.services]

    host.intents.run("shop")
    host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_a_stack_taken_down_stays_down(host: Host) -> None:
    host.look()
    host.intents.down("shop")
    host.remove("shop-web-1")
    host.remove("shop-db-1")

    assert Phase.STOPPED is host.look()
    assert [] == host.serving()


def test_a_broken_file_changes_nothing_and_a_mended_one_is_taken(host: Host) -> None:
    host.look()
    done = len(host.engine.executed)
    host.files.stack = SchemaViolation("unknown key `imag`")
    assert Phase.INVALID is host.look()
    assert done == len(host.engine.executed)
    assert 1 == len(host.told("invalid"))
    host.files.stack = builders.stack({"db": {"image": "db:2"}, "web": {"image": "web:1", "depends_on": ["db"]}})

    assert Phase.CONVERGED is host.look()
    assert {"db:2", "web:1"} == {c.image for c in host.engine.world.containers}


def test_while_the_file_is_broken_the_last_good_one_goes_on_being_kept(host: Host) -> None:
    host.look()
    host.files.stack = SchemaViolation("unknown key `imag`")
    host.remove("shop-web-1")

    assert Phase.INVALID is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()
    assert "imag" in host.keeper.status.message


def test_a_version_that_failed_is_not_tried_again_until_the_file_changes(host: Host) -> None:
    host.look()
    host.engine.behaviours["web:2"] = Behaviour(exits=3, log="oh no")
    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:2", "depends_on": ["db"]}})
    host.look()
    done = len(host.engine.executed)

    assert Phase.FAILED is host.look(passes=20)
    assert done == len(host.engine.executed)
    assert ("web",) == host.keeper.status.held
    assert {"db:1", "web:1"} == {c.image for c in host.engine.world.containers}
    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:3", "depends_on": ["db"]}})

    assert Phase.CONVERGED is host.look()
    assert {"db:1", "web:3"} == {c.image for c in host.engine.world.containers}


def test_a_failure_of_the_stack_as_a_whole_is_told_once_however_often_it_is_tried(host: Host) -> None:
    def no_network(action: Action) -> EngineError | None:
        return EngineError("no address pool is left") if isinstance(action, CreateNetwork) else None

    host.engine.failure = no_network
    host.files.stack = builders.stack({"web": {"image": "web:1", "networks": {"default": None}}})
    for _ in range(3):
        assert Phase.FAILED is host.look()
        host.now += 1000.0
    assert 3 <= host.keeper.failures
    assert 1 == len(host.told("failed"))
    host.engine.failure = None
    assert Phase.CONVERGED is host.look()


def test_contents_that_another_key_recorded_are_told_once_as_not_known(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "secrets": {"db": "hush"}}})
    assert Phase.CONVERGED is host.look()
    assert not host.told("contents-unknown")
    (made,) = host.engine.world.containers
    host.change(made.name, files={target: f"0ther:{digest[9:]}" for target, digest in made.files.items()})
    for _ in range(3):
        host.now += 1000.0
        assert Phase.CONVERGED is host.look()
    assert 1 == len(host.told("contents-unknown"))


def test_a_service_that_cannot_be_made_rests_while_the_others_are_mended(host: Host) -> None:
    def no_web(action: Action) -> EngineError | None:
        made = isinstance(action, CreateContainer) and action.container.service == "web"
        return EngineError("no space left on device") if made else None

    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:1"}})
    host.engine.failure = no_web
    host.look()
    tries = len(host.told("failed"))
    host.remove("shop-db-1")
    assert Phase.FAILED is host.look()
    assert ["shop-db-1"] == host.serving()
    assert 1 == tries
    host.engine.failure = None
    host.now += 400

    assert Phase.CONVERGED is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_what_is_not_ready_yet_is_said_to_start(host: Host) -> None:
    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:1", "healthcheck": True}})
    host.look()
    host.change("shop-web-1", health=Health.STARTING)
    assert Phase.CONVERGED is host.look()
    assert "starting: web" == host.keeper.status.message

    host.change("shop-web-1", health=Health.HEALTHY)
    host.look()
    assert "" == host.keeper.status.message


def test_a_finished_one_shot_is_not_run_again(host: Host) -> None:
    host.files.stack = builders.stack({"job": {"image": "job:1", "restart": "no"}})
    host.engine.behaviours["job:1"] = Behaviour(exits=0)
    host.look()
    done = len(host.engine.executed)

    assert Phase.CONVERGED is host.look(passes=20)
    assert done == len(host.engine.executed)


def test_a_stack_waits_for_those_it_comes_after(host: Host) -> None:
    host.files.stack = replace(SHOP, after=("database",))
    assert Phase.WAITING is host.look()
    assert [] == host.serving()
    host.brought_up.add("database")

    assert Phase.CONVERGED is host.look()


def test_another_writer_is_waited_for(host: Host) -> None:
    with stack_lock(host.engine.identity, "shop", wait=False, cancel=CancelToken()):
        assert Phase.WAITING is host.look()

    assert Phase.CONVERGED is host.look()


def test_a_pass_under_way_does_nothing_for_a_stack_that_was_let_go_meanwhile(host: Host) -> None:
    """Whoever takes a stack down lets it go first: a pass that was still reading must not bring it back."""
    loop = Loop(defect=lambda _name, problem: pytest.fail(str(problem)))
    loop.keep(host.keeper)
    load = host.files.load

    def released_meanwhile() -> Wanted:
        loop.release("shop")
        host.board.drop("shop")
        return load()

    host.files.load = released_meanwhile  # type: ignore[method-assign]
    host.look()

    assert not host.engine.world.containers
    assert host.board.of("shop") is None
