"""One stack kept as its file says, pass by pass, on the memory engine with a clock that the test moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.controller.glimpse import FULL_SECONDS
from orchestrator.controller.intents import Intents
from orchestrator.controller.keeper import Keeper
from orchestrator.controller.lock import Keeping, stack_lock
from orchestrator.controller.loop import Loop
from orchestrator.controller.means import Errand, Means
from orchestrator.controller.reconcile import Result, as_seen_from, reconcile
from orchestrator.controller.sources import Source, Wanted
from orchestrator.controller.status import Board, Phase
from orchestrator.engines.memory import Behaviour, MemoryEngine
from orchestrator.errors import EngineError, EngineUnreachable, SchemaViolation
from orchestrator.events import Quiet
from orchestrator.model.actions import (
    Action,
    BuildImage,
    CreateContainer,
    CreateNetwork,
    PullImage,
    RunProvider,
    StartContainer,
)
from orchestrator.model.host import HostStack, Mode
from orchestrator.model.observed import Health, ObservedState, Scope, State
from orchestrator.model.rollout import RestartCondition
from orchestrator.model.stack import Deploy, Stack
from orchestrator.model.values import SECOND
from orchestrator.planner.policy import Policy
from tests.support import builders

SHOP = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:1", "depends_on": ["db"]}})


class Files(Source):
    """The source: what the test says stands in the file."""

    def __init__(self, stack: Stack) -> None:
        self.stack: Stack | Exception = stack

    def load(self) -> Wanted:
        if isinstance(self.stack, Exception):
            raise self.stack
        return Wanted(stack=self.stack)

    def places(self) -> tuple[str, ...]:
        return ("app.yml",)


class Host:
    """A host with one kept stack. ``now`` is moved by the test."""

    def __init__(self, directory: Path) -> None:
        self.engine = MemoryEngine()
        self.board = Board(lambda: self.now)
        self.cancel = CancelToken()
        self.intents = Intents(str(directory), lambda: self.engine.identity)
        self.files = Files(SHOP)
        self.source: Source = self.files
        self.now = 1000.0
        self.brought_up: set[str] = set()
        self.looks: list[bool] = []  # whether each was one at everything
        self.way_back = ""
        self.gaps = 0
        self.problem: EngineUnreachable | None = None
        self.kept = Keeping()
        self.keeper = self.keep()

    def keep(self, **entry: object) -> Keeper:
        """A keeper, as after a restart of the daemon."""
        means = Means(
            engine=self.engine,
            board=self.board,
            intents=self.intents,
            cancel=self.cancel,
            monotonic=lambda: self.now,
            now=lambda: self.now,
            chance=lambda: 0.5,
            settled=self.brought_up.__contains__,
            loaded=lambda _name, _stack: None,
            carry_out=self.carry_out,
            give_up=lambda _wanted, _services: self.way_back,
            kept=self.kept,
            away=lambda: self.problem,
            gaps=lambda: self.gaps,
        )
        known = HostStack(name="shop", directory="/srv/shop", **entry)  # type: ignore[arg-type]
        self.keeper = Keeper(known, self.source, means)
        return self.keeper

    def carry_out(self, wanted: Wanted, policy: Policy, errand: Errand) -> Result:
        """Without a history."""
        return reconcile(
            wanted.stack,
            self.engine,
            policy,
            sink=Quiet(),
            workers=4,
            cancel=self.cancel,
            first=errand.first,
            given_up=errand.given_up,
            heard=errand.heard,
        )

    def look(self, passes: int = 2) -> Phase:
        """Some passes; the phase after the last one."""
        for _ in range(passes):
            self.keeper.run()
        return self.keeper.status.phase

    def watch_looks(self) -> None:
        """From now on note whether a look was one at everything."""
        look = self.engine.observe

        def noted(scope: Scope) -> ObservedState:
            self.looks.append(scope.details)
            return look(scope)

        self.engine.observe = noted  # type: ignore[method-assign]

    def serving(self) -> list[str]:
        return sorted(c.name for c in self.engine.world.containers if c.state is State.RUNNING)

    def change(self, name: str, **fields: object) -> None:
        """Someone changes a container by hand."""

        def edit(world: ObservedState) -> ObservedState:
            changed = (
                replace(c, **fields) if c.name == name else c  # type: ignore[arg-type]
                for c in world.containers
            )
            return replace(world, containers=tuple(changed))

        self.engine.change(edit)

    def remove(self, name: str) -> None:
        self.engine.change(lambda w: replace(w, containers=tuple(c for c in w.containers if c.name != name)))

    def variables(self, name: str) -> dict[str, str | None]:
        """What a container was given."""
        (found,) = (c.settings for c in self.engine.world.containers if c.name == name)
        assert found is not None
        return dict(found.environment)

    def told(self, kind: str) -> list[str]:
        return [happening.text for happening in self.board.happenings() if happening.kind == kind]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    return Host(tmp_path)


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


def test_an_unhealthy_container_is_restarted_then_replaced(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    first = host.engine.world.containers[0].id
    host.change("shop-web-1", health=Health.UNHEALTHY)
    host.look()
    assert first == host.engine.world.containers[0].id
    assert 1 == len(host.told("unhealthy"))
    host.change("shop-web-1", health=Health.UNHEALTHY)
    host.look()

    assert first != host.engine.world.containers[0].id
    assert ["shop-web-1"] == host.serving()


def test_what_stays_unhealthy_goes_back_where_there_is_a_way(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    host.way_back = "revision 1 serves again"
    for _ in range(3):
        host.change("shop-web-1", health=Health.UNHEALTHY)
        host.look()

    assert ["shop-web-1"] == host.serving()
    assert 1 == len(host.told("given-up"))
    assert "revision 1 serves again" in host.told("given-up")[0]


def test_what_stays_unhealthy_without_a_way_back_is_replaced_after_growing_pauses(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    made = set()
    for _ in range(600):
        host.now += 1
        host.change("shop-web-1", health=Health.UNHEALTHY)
        host.keeper.run()
        made.add(host.engine.world.containers[0].id)

    assert 4 <= len(made) <= 12
    assert [] == host.told("given-up")


def test_a_quiet_stack_costs_no_more_than_a_glimpse_until_something_has_changed(host: Host) -> None:
    host.look(passes=3)
    host.watch_looks()
    host.look(passes=50)
    assert [False] * 50 == host.looks
    host.remove("shop-web-1")

    assert Phase.CONVERGED is host.look()
    assert ["shop-db-1", "shop-web-1"] == host.serving()


def test_every_few_minutes_and_after_a_trigger_everything_is_looked_at(host: Host) -> None:
    host.look(passes=3)
    host.watch_looks()
    host.now += FULL_SECONDS + 1
    host.look(passes=1)
    assert [False, True] == host.looks
    host.keeper.alerted = True
    host.look(passes=1)

    assert [False, True, True] == host.looks


def _delayed() -> Stack:
    """One service whose restarts wait for twenty seconds, which no engine can do."""
    stack = builders.stack({"web": {"image": "web:1", "restart": "always"}})
    deploy = Deploy(restart=RestartCondition(delay_ns=20 * SECOND))
    return stack.with_services([replace(stack.services["web"], deploy=deploy)])


def test_restarts_that_an_engine_cannot_delay_are_taken_from_it_and_given_back(host: Host) -> None:
    host.files.stack = stack = _delayed()
    host.look()
    assert "no" == _restart_of(host)
    wanted = as_seen_from(host.engine, stack)
    assert "no" == wanted.services["web"].container.restart.name

    host.kept.let_go("shop")
    wanted = as_seen_from(host.engine, stack)
    assert "always" == wanted.services["web"].container.restart.name


def test_a_delay_of_restarts_is_waited_for(host: Host) -> None:
    host.files.stack = _delayed()
    host.look()
    host.change("shop-web-1", state=State.EXITED, exit_code=0, finished_at="1")
    host.keeper.alerted = True
    assert Phase.DEGRADED is host.look(passes=5)
    assert [] == host.serving()
    host.now += 21

    assert Phase.CONVERGED is host.look()
    assert ["shop-web-1"] == host.serving()


def _restart_of(host: Host) -> str:
    settings = host.engine.world.containers[0].settings
    assert settings is not None
    return settings.restart.name


def test_a_container_that_the_engine_does_not_start_any_more_is_replaced(host: Host) -> None:
    host.look()
    broken = next(c.id for c in host.engine.world.containers if c.service == "db")

    def task_exists(action: Action) -> EngineError | None:
        is_broken = isinstance(action, StartContainer) and action.container.id == broken
        return EngineError("task already exists") if is_broken else None

    host.engine.failure = task_exists
    host.change("shop-db-1", state=State.EXITED, exit_code=137, finished_at="1")
    host.keeper.alerted = True
    for _ in range(20):
        host.now += 5
        host.keeper.run()

    assert ["shop-db-1", "shop-web-1"] == host.serving()
    assert broken not in {c.id for c in host.engine.world.containers}


def test_nothing_is_healed_where_the_host_says_so(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "healthcheck": True}})
    host.look()
    host.keep(heal=False)
    host.change("shop-web-1", health=Health.UNHEALTHY)

    host.look()
    assert Health.UNHEALTHY is host.engine.world.containers[0].health


def test_what_keeps_ending_is_started_after_growing_pauses(host: Host) -> None:
    host.files.stack = builders.stack({"web": {"image": "web:1", "restart": "no", "ports": ["80"]}})
    host.look()
    starts = 0
    for second in range(600):
        host.now += 1
        if host.serving():
            starts += 1
            host.change("shop-web-1", state=State.EXITED, exit_code=1, finished_at=str(second))
        host.keeper.run()

    assert starts <= 12
    assert 1 == len(host.told("crash-loop"))
    assert host.keeper.status.services[0].loops


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


def test_an_engine_that_is_away_is_said_once_and_asked_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.look()
    there = host.engine.observe

    def away(scope: Scope) -> ObservedState:
        raise EngineUnreachable("no engine at unix:///run/docker.sock")

    monkeypatch.setattr(host.engine, "observe", away)
    assert Phase.UNREACHABLE is host.look(passes=5)
    assert host.keeper.run() <= 6.0
    assert 1 == len(host.told("unreachable"))
    monkeypatch.setattr(host.engine, "observe", there)

    assert Phase.CONVERGED is host.look(passes=1)


def test_a_version_that_failed_while_the_engine_went_away_is_tried_again(host: Host) -> None:
    host.look()
    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:2", "depends_on": ["db"]}})
    host.engine.behaviours["web:2"] = Behaviour(exits=137)
    host.look()
    assert Phase.FAILED is host.keeper.status.phase
    host.engine.behaviours.clear()
    host.gaps += 1

    assert Phase.CONVERGED is host.look(passes=4)
    assert "web:2" in {container.image for container in host.engine.world.of_service("web")}


def test_a_version_that_failed_long_before_the_engine_went_away_is_not(host: Host) -> None:
    host.look()
    host.files.stack = builders.stack({"db": {"image": "db:1"}, "web": {"image": "web:2", "depends_on": ["db"]}})
    host.engine.behaviours["web:2"] = Behaviour(exits=137)
    host.look()
    host.engine.behaviours.clear()
    host.now += 300
    host.gaps += 1
    host.keeper.alerted = True

    assert Phase.FAILED is host.look(passes=4)


def test_ends_that_come_with_the_engine_going_away_are_no_crash_loop(host: Host) -> None:
    host.look()
    for _ in range(5):
        host.change(
            "shop-web-1", state=State.EXITED, exit_code=137, finished_at=f"2026-01-01T00:00:{host.now % 60:02.0f}Z"
        )
        host.gaps += 1
        host.keeper.alerted = True
        assert Phase.CONVERGED is host.look(passes=3)
        host.now += 3

    assert [] == host.told("crash-loop")


def test_while_the_engine_is_known_to_be_away_nothing_is_asked_of_it(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.look()
    host.watch_looks()
    host.problem = EngineUnreachable("the engine hangs")

    assert Phase.UNREACHABLE is host.look(passes=3)
    assert [] == host.looks


def provider_of(host: Host, kind: str = "cloud", **web: Any) -> None:
    """The file: a database that a program provides, and who needs it."""
    host.files.stack = builders.stack(
        {"db": {"provider": kind}, "web": {"image": "web:1", "depends_on": ["db"], **web}}
    )


def runs_of(host: Host, kind: type[Action]) -> int:
    return sum(isinstance(action, kind) for action in host.engine.executed)


def test_a_provider_is_run_once_for_each_version_of_the_file(host: Host) -> None:
    host.engine.says["db"] = "DB_URL=db://one"
    provider_of(host)

    assert Phase.CONVERGED is host.look(passes=20)
    assert 1 == runs_of(host, RunProvider)
    assert "db://one" == host.variables("shop-web-1")["DB_URL"]

    provider_of(host, "another")
    assert Phase.CONVERGED is host.look(passes=20)
    assert 2 == runs_of(host, RunProvider)


def test_a_provider_is_run_again_by_a_daemon_that_begins_anew_and_nothing_else_happens(host: Host) -> None:
    host.engine.says["db"] = "DB_URL=db://one"
    provider_of(host)
    host.look()
    done = len(host.engine.executed)
    host.keep()

    assert Phase.CONVERGED is host.look(passes=20)
    assert [RunProvider] == [type(action) for action in host.engine.executed[done:]]


def test_who_takes_a_providers_variables_gets_them_anew_with_a_new_container(host: Host) -> None:
    host.engine.says["db"] = "DB_URL=db://one"
    provider_of(host)
    host.look()
    host.engine.says["db"] = "DB_URL=db://two"
    host.look(passes=5)
    assert "db://one" == host.variables("shop-web-1")["DB_URL"]
    host.remove("shop-web-1")

    assert Phase.CONVERGED is host.look(passes=20)
    assert "db://two" == host.variables("shop-web-1")["DB_URL"]
    assert 2 == runs_of(host, RunProvider)


def test_what_somebody_brought_up_with_other_variables_of_a_provider_is_led_on_to_its_last_word(host: Host) -> None:
    host.engine.says["db"] = "DB_URL=db://one"
    provider_of(host)
    host.look()
    host.engine.says["db"] = "DB_URL=db://two"
    assert isinstance(host.files.stack, Stack)
    host.carry_out(Wanted(stack=host.files.stack), Policy(), Errand(command="up"))  # by hand, beside the daemon
    made = [c.id for c in host.engine.world.containers]

    assert Phase.CONVERGED is host.look(passes=20)
    assert made == [c.id for c in host.engine.world.containers]


def test_no_provider_is_run_where_drift_is_only_shown(host: Host) -> None:
    host.engine.says["db"] = "DB_URL=db://one"
    provider_of(host)
    host.look()
    done = len(host.engine.executed)
    host.keep(mode=Mode.REPORT)
    assert Phase.CONVERGED is host.look(passes=5)

    host.remove("shop-web-1")
    assert Phase.DRIFTED is host.look(passes=5)
    assert ["web.1"] == [drift.object for drift in host.keeper.status.drift]
    assert done == len(host.engine.executed)


def test_a_provider_that_fails_rests_and_the_others_are_mended(host: Host) -> None:
    host.files.stack = builders.stack({"db": {"provider": "cloud"}, "aside": {"image": "aside:1"}})
    host.engine.failure = lambda action: EngineError("no") if isinstance(action, RunProvider) else None

    assert Phase.FAILED is host.look(passes=20)
    assert ["shop-aside-1"] == host.serving()


@pytest.mark.parametrize("pull_policy", ["always", "build"])
def test_an_image_is_fetched_once_for_each_version_of_the_file(host: Host, pull_policy: str) -> None:
    build = {"build": True} if pull_policy == "build" else {}
    kind = BuildImage if build else PullImage
    host.files.stack = builders.stack({"web": {"image": "web:1", "pull_policy": pull_policy, **build}})

    assert Phase.CONVERGED is host.look(passes=20)
    assert 1 == runs_of(host, kind)
    host.remove("shop-web-1")
    assert Phase.CONVERGED is host.look(passes=20)
    assert 1 == runs_of(host, kind)

    host.keeper.force()
    assert Phase.CONVERGED is host.look(passes=20)
    assert 2 == runs_of(host, kind)
    host.keep(mode=Mode.REPORT)
    assert Phase.CONVERGED is host.look(passes=20)
    assert 2 == runs_of(host, kind)


def test_an_image_that_is_to_be_fresh_is_pulled_when_its_time_has_come(host: Host) -> None:
    """Also where the registry has nothing newer, so that the image at hand stays as old as it is."""
    host.files.stack = builders.stack({"web": {"image": "web:1", "pull_policy": "every", "pull_every": 3600}})
    host.look()
    assert 1 == runs_of(host, PullImage)
    host.engine.change(lambda world: replace(world, now_ns=world.now_ns + 7200 * 1_000_000_000))

    host.now += 3000
    host.look(passes=20)
    assert 1 == runs_of(host, PullImage)
    host.now += 1000
    assert Phase.CONVERGED is host.look(passes=20)
    assert 2 == runs_of(host, PullImage)


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
