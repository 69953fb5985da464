"""What the planner's properties are tried on: wishes, and worlds that do not fit them.

A world begins empty or with an earlier wish carried out, is cut off somewhere in the middle of the next, and then things
happen behind our back: containers stopped, renamed, doubled, networks remade, foreign holders of our names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Plan, Step
from orchestrator.model.stack import Stack
from orchestrator.planner.plan import plan
from orchestrator.planner.policy import Policy
from tests.support import builders, planning

T = TypeVar("T")
NAMES = ("a", "b", "c", "d")
SECRET = "sesame-open-sesame"


class Choices:
    """Bytes read as choices, one after the other; when they run out, always the first. Hypothesis draws and shrinks them.

    Drawing one string of bytes is many times faster than drawing every choice, and shrinks as well: zero is the plainest.
    """

    def __init__(self, data: bytes) -> None:
        self.data = iter(data)
        self.text = data

    def __repr__(self) -> str:
        return f"Choices({self.text!r})"

    def number(self, low: int, high: int) -> int:
        return low + next(self.data, 0) % (high - low + 1)

    def one(self, *options: T) -> T:
        return options[next(self.data, 0) % len(options)]

    def of(self, options: Sequence[T]) -> T:
        return options[next(self.data, 0) % len(options)]

    def flag(self) -> bool:
        return bool(next(self.data, 0) % 2)

    def shuffled(self, things: Iterable[T]) -> tuple[T, ...]:
        left = list(things)
        return tuple(left.pop(next(self.data, 0) % len(left)) for _ in range(len(left)))


def choices() -> st.SearchStrategy[Choices]:
    return st.binary(min_size=150, max_size=250).map(Choices)


def service(choose: Choices, name: str, earlier: tuple[str, ...], plain: bool) -> dict[str, Any]:
    """A service as the builders take it. ``plain``: nothing that can make a wish impossible."""
    given: dict[str, Any] = {
        "image": choose.one("app:1", "app:2"),
        "replicas": choose.number(0, 3),
        "environment": {"A": choose.one("1", "2"), "DB_PASSWORD": SECRET, "PLAIN": f"x{SECRET}y"},
        "restart": choose.one("always", "always", "no"),
        "healthcheck": choose.flag(),
        "rollout": {"order": choose.one("stop-first", "start-first"), "parallelism": choose.number(0, 2)},
        "memory": choose.one(None, "64m", "128m"),
        "secrets": choose.one({}, {"s": SECRET}, {"s": f"{SECRET}2"}, {"f": f"/k={SECRET}"}),
        "volumes": choose.one([], ["data:/data"], [":/cache"]),
        "depends_on": {
            other: choose.one("started", "healthy", {"condition": "started", "restart": True})
            for other in earlier
            if choose.flag()
        },
    }
    if given["depends_on"] and not plain and choose.number(0, 4) == 1:
        given["network_mode"] = f"service:{next(iter(given['depends_on']))}"
    else:
        given["networks"] = choose.one(
            ["front"], ["front", "back"], {"back": {"aliases": ["x"]}}, {"back": {"aliases": ["y"]}}
        )
        if given["replicas"] == 1 and choose.flag():
            given["ports"] = [f"80{NAMES.index(name)}0:80"]
        if choose.number(0, 3) == 1:
            given |= {"endpoint_mode": "vip", "expose": ["80"]}
    return given


def stack(choose: Choices, *, plain: bool = False) -> Stack:
    names = NAMES[: choose.number(1, len(NAMES))]
    built = {name: service(choose, name, NAMES[:index], plain) for index, name in enumerate(names)}
    _parents_have_replicas(built)
    top = {
        "networks": {"front": {"internal": choose.flag()}, "back": {}},
        "volumes": {"data": {"driver_opts": choose.one({}, {}, {"o": "1"})}},
        "secret_values": [SECRET, f"{SECRET}2"],
    }
    return builders.stack(built, **top)


def changed(choose: Choices, wish: Stack) -> Stack:
    """The same services, some of them in another version."""
    services = []
    for one in wish.services.values():
        if one.front_end is not None:
            continue  # it has no version of its own
        environment = {**one.container.environment, "A": choose.one(one.container.environment["A"] or "", "new")}
        services.append(replace(one, container=replace(one.container, environment=environment)))
    return wish.with_services(services)


def _parents_have_replicas(built: dict[str, dict[str, Any]]) -> None:
    """A namespace can only be shared with a container that is wanted."""
    for given in reversed(list(built.values())):
        mode = given.get("network_mode", "")
        if mode and given["replicas"]:
            parent = built[mode.removeprefix("service:")]
            parent["replicas"] = max(1, parent["replicas"])


def in_some_order(choose: Choices, made: Plan) -> list[Step]:
    """The steps in an order that an executor may carry them out in."""
    done: set[int] = set()
    result = []
    while len(done) < len(made.steps):
        ready = [step for step in made.steps if step.id not in done and set(step.after) <= done]
        result.append(choose.of(ready) if len(ready) > 1 else ready[0])
        done.add(result[-1].id)
    return result


def cut_off(choose: Choices, state: ObservedState, made: Plan) -> ObservedState:
    """Some of the plan was carried out: any set of steps whose predecessors are in it, in any order."""
    steps = in_some_order(choose, made)
    return planning.carry_out(state, Plan(stack=made.stack, steps=tuple(steps[: choose.number(0, len(steps))])))


EVENTS = (
    "stop {place}",
    "exit {place} 0",
    "exit {place} 3",
    "state {place} is paused",
    "state {place} is dead",
    "state {place} is restarting",
    "state {place} is created",
    "health {place} is starting",
    "rename {place} to foo",
    "rename {place} to shop-a-2",
    "remove {place}",
    "duplicate {place}",
    "alias {place} other",
    "unnamed {place}",
    "memory {place} 1048576",
    "replaced-file {place} /etc/x",
)
WORLD_EVENTS = (
    "foreign container shop-a-1",
    "foreign container unrelated",
    "foreign network shop_front",
    "foreign volume shop_data",
    "stranger-on shop_front",
    "remade shop_back",
    "pruned shop_back",
    "twin shop_back",
    "lost shop_data",
    "no-image app:1",
    "new-image app:1",
    "orphan old",
    "oneoff a exited",
    "adopted",
)


def events(choose: Choices, state: ObservedState, among: Iterable[str] = WORLD_EVENTS) -> ObservedState:
    """A few things happen; what cannot happen in this world does not."""
    for _ in range(choose.number(0, 3)):
        event = choose.of((*EVENTS, *among))
        places = sorted({f"{c.service}.{c.slot}" for c in state.containers if c.slot and c.service in NAMES})
        if "{place}" in event and places:
            event = event.format(place=choose.of(places))
        if _can_happen(event, state):
            state = planning.happen(state, [event])
    return state


def _can_happen(event: str, state: ObservedState) -> bool:
    words = event.split()
    if "{place}" in event:
        return False
    if words[0] in ("alias", "unnamed"):
        return bool(planning.find(state, words[1]).endpoints)
    if words[0] == "rename" or words[:2] == ["foreign", "container"]:
        return all(container.name != words[-1] for container in state.containers)
    if words[0] == "twin":
        return any(network.name == words[1] for network in state.networks)
    return True


def situation(choose: Choices, *, plain: bool = False) -> tuple[Stack, ObservedState]:
    """A wish, and a world in some state on the way to another one."""
    before, desired = stack(choose, plain=plain), stack(choose, plain=plain)
    state = planning.empty()
    if choose.flag():
        state = planning.converge(state, before)
    state = cut_off(choose, state, plan(choose.one(before, desired), state, Policy()))
    among = [event for event in WORLD_EVENTS if not plain or not event.startswith(("foreign", "stranger"))]
    return desired, events(choose, state, among)


def policy(choose: Choices) -> Policy:
    return Policy(
        remove_orphans=choose.flag(),
        destroy_data=choose.number(0, 2) == 1,
        wait=choose.flag(),
        remove_volumes=choose.flag(),
        remove_networks=choose.flag(),
    )
