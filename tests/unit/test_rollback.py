"""What happens when a replacement fails: the containers before it serve again, whatever it was that made them be replaced."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.cancel import CancelToken
from orchestrator.controller.reconcile import Result, reconcile
from orchestrator.engines.memory import Behaviour, MemoryEngine
from orchestrator.errors import EngineError, StackError
from orchestrator.events import Quiet
from orchestrator.model.actions import Action, StartContainer
from orchestrator.model.observed import Health, ObservedImage, ObservedState, State
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy, Recreate
from tests.support import builders, planning

FAILS = Behaviour(exits=3, log="oh no")


def up(stack: Stack, engine: MemoryEngine, policy: Policy | None = None) -> Result:
    return reconcile(stack, engine, policy or Policy(), sink=Quiet(), workers=4, cancel=CancelToken())


def engine_with(stack: Stack, **behaviours: Behaviour) -> MemoryEngine:
    """An engine on which ``stack`` is up; images behave as said from then on."""
    engine = MemoryEngine()
    assert up(stack, engine).ok
    engine.behaviours.update({f"app:{tag.removeprefix('v')}": how for tag, how in behaviours.items()})
    return engine


def serving(engine: MemoryEngine) -> list[tuple[str, str, str]]:
    return [(c.name, c.image, c.state.value) for c in sorted(engine.world.containers, key=lambda c: c.name)]


def new_containers_do_not_start(action: Action) -> StackError | None:
    """What was there before has an id in a plan; what the plan makes has none."""
    new = isinstance(action, StartContainer) and not action.container.id
    return EngineError("no space left on device") if new else None


def test_a_version_that_exits_gives_way_to_the_one_before() -> None:
    engine = engine_with(builders.stack({"web": {"image": "app:1", "replicas": 2}}), v2=FAILS)

    result = up(builders.stack({"web": {"image": "app:2", "replicas": 2}}), engine)

    assert not result.ok
    assert result.restored == ("web",)
    assert "oh no" in str(result.failures[0].error)
    assert [("shop-web-1", "app:1", "running"), ("shop-web-2", "app:1", "running")] == serving(engine)


def test_a_version_that_is_never_healthy_gives_way_to_the_one_before() -> None:
    sick = Behaviour(health=Health.UNHEALTHY)
    engine = engine_with(builders.stack({"web": {"image": "app:1", "healthcheck": True}}), v2=sick)

    result = up(builders.stack({"web": {"image": "app:2", "healthcheck": True}}), engine)

    assert result.restored == ("web",)
    assert [("shop-web-1", "app:1", "running")] == serving(engine)


def test_services_beside_the_failed_one_are_updated_all_the_same() -> None:
    engine = engine_with(builders.stack({"web": {"image": "app:1"}, "db": {"image": "app:1"}}), v2=FAILS)

    result = up(builders.stack({"web": {"image": "app:2"}, "db": {"image": "app:3"}}), engine)

    assert result.restored == ("web",)
    assert [("shop-db-1", "app:3", "running"), ("shop-web-1", "app:1", "running")] == serving(engine)


def test_a_tag_that_moved_to_a_bad_image_gives_way_to_the_one_before() -> None:
    stack = builders.stack({"web": {"image": "app:1"}})
    engine = engine_with(stack)
    before = engine.world.containers[0].image_id
    bad = ObservedImage(reference="app:1", id="sha256:bad")
    engine.change(lambda world: replace(world, images={"app:1": bad}))
    engine.failure = new_containers_do_not_start

    result = up(stack, engine)

    assert result.restored == ("web",)
    assert [(before, State.RUNNING)] == [(c.image_id, c.state) for c in engine.world.containers]


def test_a_forced_recreation_that_fails_leaves_the_old_one_serving() -> None:
    stack = builders.stack({"web": {"image": "app:1"}})
    engine = engine_with(stack)
    before = engine.world.containers[0].id
    engine.failure = new_containers_do_not_start

    result = up(stack, engine, Policy(recreate=Recreate.FORCE))

    assert not result.ok
    assert [(before, "shop-web-1", State.RUNNING)] == [(c.id, c.name, c.state) for c in engine.world.containers]


def test_a_bad_bind_mounted_file_leaves_the_old_one_serving() -> None:
    stack = builders.stack({"web": {"image": "app:1", "volumes": ["/host/app.conf:/etc/app.conf"]}})
    engine = engine_with(stack)
    before = engine.world.containers[0].id
    engine.change(_replace_file)
    engine.failure = new_containers_do_not_start

    result = up(stack, engine)

    assert result.restored == ("web",)
    assert [(before, State.RUNNING)] == [(c.id, c.state) for c in engine.world.containers]


def _replace_file(world: ObservedState) -> ObservedState:
    return planning.put(world, replace(world.containers[0], replaced_files=("/etc/app.conf",)))


def test_a_first_version_that_fails_is_left_to_be_looked_at() -> None:
    engine = MemoryEngine(behaviours={"app:1": FAILS})
    stack = builders.stack({"db": {"image": "app:1"}, "web": {"image": "app:2", "depends_on": {"db": "completed"}}})

    result = up(stack, engine)

    assert not result.ok
    assert result.restored == ()
    assert [("shop-db-1", "app:1", "exited"), ("shop-web-1", "app:2", "created")] == serving(engine)


def test_who_shares_a_namespace_goes_back_together_with_whom_it_shares() -> None:
    """The new child fails on the new parent; the old child can only live with the old parent."""

    def wish(parent: str, child: str) -> Stack:
        share = {"image": child, "network_mode": "service:vpn", "depends_on": ["vpn"]}
        return builders.stack({"vpn": {"image": parent}, "app": share})

    engine = engine_with(wish("app:1", "app:2"), v3=FAILS)
    before = sorted(c.id for c in engine.world.containers)

    result = up(wish("app:4", "app:3"), engine)

    assert not result.ok
    assert before == sorted(c.id for c in engine.world.containers)
    assert [("shop-app-1", "app:2", "running"), ("shop-vpn-1", "app:1", "running")] == serving(engine)


def test_a_failing_parent_takes_its_child_back_along() -> None:
    def wish(parent: str) -> Stack:
        share = {"image": "app:2", "network_mode": "service:vpn", "depends_on": ["vpn"]}
        return builders.stack({"vpn": {"image": parent}, "app": share})

    engine = engine_with(wish("app:1"), v3=FAILS)
    before = sorted(c.id for c in engine.world.containers)

    result = up(wish("app:3"), engine)

    assert "vpn" in result.restored
    assert before == sorted(c.id for c in engine.world.containers)
    assert [("shop-app-1", "app:2", "running"), ("shop-vpn-1", "app:1", "running")] == serving(engine)
