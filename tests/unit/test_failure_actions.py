"""How far an update goes on after failures, through all passes of one run: by ratio, action, and what depends on whom."""

from __future__ import annotations

from orchestrator.controller.reconcile import Result
from orchestrator.engines.memory import Behaviour, MemoryEngine
from orchestrator.errors import EngineError, StackError
from orchestrator.model.actions import Action, AwaitDelay, StartContainer
from orchestrator.model.observed import Health
from orchestrator.model.rollout import FailureAction
from tests.support import builders
from tests.unit.test_rollback import FAILS, engine_with, serving, up


def refuse_starts(engine: MemoryEngine, *slots: int) -> None:
    """Containers of the second version do not start in these slots."""

    def failure(action: Action) -> StackError | None:
        if not isinstance(action, StartContainer) or action.container.slot not in slots:
            return None
        image = next(c.image for c in engine.world.containers if action.container.target in (c.id, c.name))
        return EngineError("no space left on device") if image == "app:2" else None

    engine.failure = failure


def wish(image: str, replicas: int = 4, **rollout: object) -> dict[str, object]:
    return {"image": image, "replicas": replicas, "rollout": {"monitor": 0, **rollout}}


def update(engine: MemoryEngine, **rollout: object) -> Result:
    return up(builders.stack({"web": wish("app:2", **rollout)}), engine)


def images(engine: MemoryEngine) -> list[str]:
    return [f"{c.slot} {c.image} {c.state}" for c in sorted(engine.world.containers, key=lambda c: (c.slot, c.image))]


def test_failures_within_the_ratio_are_put_up_with() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1")}))
    refuse_starts(engine, 2)

    result = update(engine, max_failure_ratio=0.25)

    assert result.ok
    assert any("1 of 4 failed" in note.text for note in result.notes)
    others = [line for line in images(engine) if not line.startswith("2 ")]
    assert ["1 app:2 running", "3 app:2 running", "4 app:2 running"] == others


def test_one_failure_more_than_the_ratio_takes_the_service_back() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1")}))
    refuse_starts(engine, 2, 4)

    result = update(engine, max_failure_ratio=0.25)

    assert not result.ok
    assert ("web",) == result.restored
    assert [f"{n} app:1 running" for n in (1, 2, 3, 4)] == images(engine)


def test_an_update_that_continues_reaches_every_slot_and_fails_all_the_same() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1")}))
    refuse_starts(engine, 1, 3)

    result = update(engine, failure_action=FailureAction.CONTINUE)

    assert not result.ok
    assert () == result.restored
    assert {"2 app:2 running", "4 app:2 running"} <= set(images(engine))


def test_an_update_that_pauses_leaves_the_rest_as_it_was() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1")}))
    refuse_starts(engine, 2)

    result = update(engine, failure_action=FailureAction.PAUSE)

    assert not result.ok
    assert {"1 app:2 running", "3 app:1 running", "4 app:1 running"} <= set(images(engine))
    engine.failure = None
    assert update(engine, failure_action=FailureAction.PAUSE).ok
    assert [f"{n} app:2 running" for n in (1, 2, 3, 4)] == images(engine)


def test_more_failing_slots_than_there_are_passes_are_all_gone_through() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1", replicas=20)}))
    refuse_starts(engine, *range(1, 20))

    result = update(engine, replicas=20, failure_action=FailureAction.CONTINUE)

    assert not result.ok
    assert "20 app:2 running" in images(engine)


def test_a_failed_migration_touches_no_replica_of_what_waits_for_it() -> None:
    def both(image: str) -> dict[str, dict[str, object]]:
        migrate = {"image": image, "restart": "no"}
        return {"migrate": migrate, "web": {"image": image, "depends_on": {"migrate": "completed"}}}

    engine = engine_with(builders.stack(both("app:1")), v2=FAILS)
    before = {c.id for c in engine.world.containers if c.service == "web"}
    began = len(engine.executed)

    result = up(builders.stack(both("app:2")), engine)

    assert not result.ok
    assert any("left as it is" in note.text for note in result.notes)
    assert before == {c.id for c in engine.world.containers if c.service == "web" and c.running}
    old = {c.id for c in engine.world.containers if c.image == "app:1"}
    assert not [a for a in engine.executed[began:] if isinstance(a, StartContainer) and a.container.id in old]


def test_one_failure_takes_back_what_the_same_run_has_changed_where_the_file_says_so() -> None:
    def wanted(image: str, **top: object) -> object:
        return builders.stack({"api": {"image": image}, "web": {"image": image, "depends_on": ["api"]}}, **top)

    engine = engine_with(wanted("app:1"))  # type: ignore[arg-type]
    before = serving(engine)

    def failure(action: Action) -> StackError | None:
        new = isinstance(action, StartContainer) and not action.container.id and action.container.service == "web"
        return EngineError("no space left on device") if new else None

    engine.failure = failure
    result = up(wanted("app:2", rollback="stack"), engine)  # type: ignore[arg-type]

    assert not result.ok
    assert ("api", "web") == result.restored
    assert before == serving(engine)


def test_limits_that_were_changed_in_place_go_back_with_the_stack() -> None:
    def wanted(image: str, memory: str, **top: object) -> object:
        return builders.stack({"api": {"image": "app:1", "memory": memory}, "web": {"image": image}}, **top)

    engine = engine_with(wanted("app:1", "64m"), v2=FAILS)  # type: ignore[arg-type]
    before = {c.id for c in engine.world.containers}

    def limits() -> set[int | None]:
        return {c.settings.resources.memory for c in engine.world.containers if c.service == "api" and c.settings}

    assert not up(wanted("app:2", "128m", rollback="stack"), engine).ok  # type: ignore[arg-type]
    assert {64 << 20} == limits()
    assert before == {c.id for c in engine.world.containers}
    assert not up(wanted("app:2", "128m"), engine).ok  # type: ignore[arg-type]
    assert {128 << 20} == limits()


def test_a_replacement_that_was_made_for_nothing_is_used_by_the_next_run_or_goes() -> None:
    def both(database: str, web: str) -> dict[str, dict[str, object]]:
        return {"db": {"image": database, "healthcheck": True}, "web": {"image": web, "depends_on": {"db": "healthy"}}}

    def of_web() -> dict[str, str]:
        return {c.id: f"{c.image} {c.state}" for c in engine.world.containers if c.service == "web"}

    engine = engine_with(builders.stack(both("app:1", "app:1")), v2=Behaviour(health=Health.UNHEALTHY))
    assert not up(builders.stack(both("app:2", "app:3")), engine).ok
    blocked = of_web()
    assert ["app:1 running", "app:3 created"] == sorted(blocked.values())
    assert up(builders.stack(both("app:1", "app:3")), engine).ok
    assert {key: "app:3 running" for key, how in blocked.items() if how == "app:3 created"} == of_web()

    assert not up(builders.stack(both("app:2", "app:4")), engine).ok
    assert up(builders.stack(both("app:1", "app:3")), engine).ok
    assert ["app:3 running"] == list(of_web().values())


def test_a_way_back_that_fails_is_not_turned_round() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1", replicas=2)}), v2=FAILS)

    def failure(action: Action) -> StackError | None:
        old = isinstance(action, StartContainer) and action.container.id
        return EngineError("no space left on device") if old else None

    engine.failure = failure
    result = up(builders.stack({"web": wish("app:2", replicas=2)}), engine)

    assert not result.ok
    assert 2 == len(result.failures)
    assert "2 app:1 running" in images(engine)


def test_time_passes_between_two_batches() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1", replicas=3)}))

    assert update(engine, replicas=3, delay=7).ok
    assert [7 * 10**9] * 2 == [action.delay_ns for action in engine.executed if isinstance(action, AwaitDelay)]


def test_the_time_without_a_container_is_told() -> None:
    engine = engine_with(builders.stack({"web": wish("app:1", replicas=1)}))

    result = update(engine, replicas=1)

    assert [True] == ["web.1 was away for" in note.text for note in result.notes if note.reference == "gap"]
