"""Worlds for the planner: reached by carrying out plans in memory, then changed by hand in a few words.

``stop web.1``, ``rename web.1 to foo``, ``foreign container shop-web-1``: each line is something that happens behind the
planner's back. What a plan means is what ``model.transition`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from orchestrator.model import naming
from orchestrator.model.observed import (
    Health,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedState,
    ObservedVolume,
    PortHolder,
    State,
)
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.model.transition import transition
from orchestrator.model.values import RestartPolicy
from orchestrator.planner.plan import plan
from orchestrator.planner.policy import Policy

Edit = Callable[..., ObservedState]


def empty(stack: str = "shop") -> ObservedState:
    return ObservedState(stack=stack)


def carry_out(state: ObservedState, made: Plan, steps: int | None = None) -> ObservedState:
    """The state after the first ``steps`` steps of a plan (all of them)."""
    for step in made.steps[:steps]:
        state = transition(state, step.action)
    return state


def converge(state: ObservedState, desired: Stack, policy: Policy | None = None, passes: int = 6) -> ObservedState:
    """Plan and carry out until nothing is left; an AssertionError if that does not end."""
    policy = policy or Policy()
    for _ in range(passes):
        made = plan(desired, state, policy)
        if not made.steps:
            return state
        state = carry_out(state, made)
        policy = replace(policy, prepared=policy.prepared | prepared(made))
        if made.empty:
            return state
    raise AssertionError(f"{passes} passes and still:\n{plan(desired, state, policy)}")


def prepared(made: Plan) -> frozenset[str]:
    """What a pass pulled or built, and which providers it ran."""
    done = {getattr(step.action, "reference", "") for step in made.steps}
    done |= {
        f"provider:{getattr(step.action, 'service', '')}" for step in made.steps if hasattr(step.action, "provider")
    }
    return frozenset(done - {""})


def with_letters(state: ObservedState) -> ObservedState:
    """Containers' ids as letters, in the order of slots and age, so that expected plans can be read."""
    ranked = sorted(state.containers, key=lambda c: (c.service, c.slot, c.created_at, c.id))
    letters = {container.id: chr(ord("a") + number) for number, container in enumerate(ranked)}
    renamed = (
        replace(
            c,
            id=letters[c.id],
            peers={name: letters.get(peer, peer) for name, peer in c.peers.items()},
            rotation=c.rotation and replace(c.rotation, members=tuple(letters.get(m, m) for m in c.rotation.members)),
        )
        for c in state.containers
    )
    return replace(state, containers=tuple(renamed))


def happen(state: ObservedState, events: Iterable[str]) -> ObservedState:
    """The world after these events."""
    for event in events:
        words = event.split()
        verb = next(verb for verb in (" ".join(words[:2]), words[0]) if verb in _EDITS)
        rest = words[len(verb.split()) :]
        state = _EDITS[verb](replace(state, now_ns=state.now_ns + 1), *rest)
    return state


def find(state: ObservedState, place: str) -> ObservedContainer:
    """``web.1``: the oldest container of that slot."""
    service, _, slot = place.partition(".")
    return next(c for c in state.of_service(service) if c.slot == int(slot))


def put(state: ObservedState, changed: ObservedContainer) -> ObservedState:
    return replace(state, containers=tuple(changed if c.id == changed.id else c for c in state.containers))


def _exits(state: ObservedState, place: str, code: str = "137") -> ObservedState:
    return put(state, replace(find(state, place), state=State.EXITED, exit_code=int(code), health=Health.NONE))


def _state(state: ObservedState, place: str, _is: str, word: str) -> ObservedState:
    return put(state, replace(find(state, place), state=State(word)))


def _health(state: ObservedState, place: str, _is: str, word: str) -> ObservedState:
    return put(state, replace(find(state, place), health=Health(word)))


def _rename(state: ObservedState, place: str, _to: str, name: str) -> ObservedState:
    return put(state, replace(find(state, place), name=name))


def _remove(state: ObservedState, place: str) -> ObservedState:
    gone = find(state, place)
    return replace(state, containers=tuple(c for c in state.containers if c.id != gone.id))


def _disconnect(state: ObservedState, place: str, _from: str, network: str) -> ObservedState:
    container = find(state, place)
    return put(state, replace(container, endpoints=tuple(e for e in container.endpoints if e.network_name != network)))


def _alias(state: ObservedState, place: str, alias: str) -> ObservedState:
    container = find(state, place)
    first, *rest = container.endpoints
    return put(state, replace(container, endpoints=(replace(first, aliases=(*first.aliases, alias)), *rest)))


def _unnamed(state: ObservedState, place: str) -> ObservedState:
    container = find(state, place)
    first, *rest = container.endpoints
    return put(state, replace(container, endpoints=(replace(first, named=False), *rest)))


def _unset(state: ObservedState, place: str) -> ObservedState:
    """A front end's configuration was changed by hand."""
    return put(state, replace(find(state, place), rotation=None))


def _memory(state: ObservedState, place: str, size: str) -> ObservedState:
    container = find(state, place)
    assert container.settings is not None
    limits = replace(container.settings.resources, memory=int(size))
    return put(state, replace(container, settings=replace(container.settings, resources=limits)))


def _discards(state: ObservedState, place: str, field: str) -> ObservedState:
    """The kernel cannot do it, so the engine leaves it out."""
    container = find(state, place)
    assert container.settings is not None
    return put(state, replace(container, settings=replace(container.settings, **{field: None})))


def _restart(state: ObservedState, place: str, name: str) -> ObservedState:
    container = find(state, place)
    assert container.settings is not None
    return put(state, replace(container, settings=replace(container.settings, restart=RestartPolicy(name))))


def _replaced_file(state: ObservedState, place: str, target: str) -> ObservedState:
    return put(state, replace(find(state, place), replaced_files=(target,)))


def _duplicate(state: ObservedState, place: str, _as: str = "", name: str = "") -> ObservedState:
    container = find(state, place)
    name = name or f"{container.name}_copy"
    twin = replace(container, id=f"{container.id}x{state.now_ns:x}", name=name, created_at=f"9{state.now_ns:x}")
    return replace(state, containers=(*state.containers, twin))


def _foreign_container(state: ObservedState, name: str) -> ObservedState:
    stranger = ObservedContainer(id=f"stranger-{name}", name=name)
    return replace(state, name_holders={**state.name_holders, name: stranger})


def _port_held(state: ObservedState, port: str, _by: str, container: str, address: str = "") -> ObservedState:
    number, _, protocol = port.partition("/")
    holder = PortHolder(port=int(number), protocol=protocol, address=address, container=container, stack="other")
    return replace(state, port_holders=(*state.port_holders, holder))


def _missing_path(state: ObservedState, path: str) -> ObservedState:
    return replace(state, missing_paths=state.missing_paths | {path})


def _foreign_network(state: ObservedState, name: str) -> ObservedState:
    network = ObservedNetwork(id=f"net-{name}", name=name, driver="bridge")
    return replace(state, networks=(*(n for n in state.networks if n.name != name), network))


def _foreign_volume(state: ObservedState, name: str) -> ObservedState:
    return replace(
        state, volumes=(*(v for v in state.volumes if v.name != name), ObservedVolume(name=name, driver="local"))
    )


def _stranger_on_network(state: ObservedState, name: str) -> ObservedState:
    joined = (replace(n, attached=(*n.attached, "stranger")) if n.name == name else n for n in state.networks)
    return replace(state, networks=tuple(joined))


def _pruned_network(state: ObservedState, name: str) -> ObservedState:
    """Removed while nothing ran on it; the containers still refer to the network that is gone."""
    return replace(state, networks=tuple(n for n in state.networks if n.name != name))


def _network_again(state: ObservedState, name: str) -> ObservedState:
    """Removed and made again by hand with the same labels: the same name, another id."""
    again = (replace(n, id=f"{n.id}-again") if n.name == name else n for n in state.networks)
    return replace(state, networks=tuple(again))


def _twin_network(state: ObservedState, name: str) -> ObservedState:
    twin = next(n for n in state.networks if n.name == name)
    return replace(
        state, networks=(replace(twin, id=f"{twin.id}-twin", created_at=f"{twin.created_at}9"), *state.networks)
    )


def _lost_volume(state: ObservedState, name: str) -> ObservedState:
    return replace(state, volumes=tuple(v for v in state.volumes if v.name != name))


def _reboot(state: ObservedState) -> ObservedState:
    """What was in memory is gone, and nothing was started again."""
    ended = tuple(replace(c, state=State.EXITED, exit_code=127, health=Health.NONE) for c in state.containers)
    return replace(state, containers=ended, secret_folders=frozenset())


def _no_image(state: ObservedState, reference: str) -> ObservedState:
    return replace(state, images={name: i for name, i in state.images.items() if name != reference})


def _image(state: ObservedState, reference: str) -> ObservedState:
    image = ObservedImage(reference=reference, id=f"sha256:{reference}:{state.now_ns}")
    return replace(state, images={**state.images, reference: image})


def _orphan(state: ObservedState, name: str) -> ObservedState:
    orphan = ObservedContainer(
        id=f"orphan-{name}",
        name=f"{state.stack}-{name}-1",
        service=name,
        slot=1,
        labels={naming.PROJECT: state.stack, naming.SERVICE: name},
    )
    return replace(state, containers=(*state.containers, orphan))


def _oneoff(state: ObservedState, service: str, word: str = "running") -> ObservedState:
    one = ObservedContainer(
        id=f"run-{service}-{state.now_ns}",
        name=f"{state.stack}-{service}-run-{state.now_ns}",
        service=service,
        oneoff=True,
        state=State(word),
    )
    return replace(state, containers=(*state.containers, one))


def _handmade(state: ObservedState, place: str) -> ObservedState:
    """Without any label of the stack; the file says whose it is."""
    return put(state, replace(find(state, place), adopted=True, fingerprint=""))


def _adopted(state: ObservedState) -> ObservedState:
    """As Compose would have made them: without our labels."""

    def plain(container: ObservedContainer) -> ObservedContainer:
        labels = {k: v for k, v in container.labels.items() if not k.startswith(naming.PREFIX)}
        return replace(container, labels=labels, fingerprint="", files={})

    return replace(state, containers=tuple(plain(c) for c in state.containers))


def _other_key(state: ObservedState) -> ObservedState:
    """The host's key was lost, or another user made the containers."""

    def foreign(container: ObservedContainer) -> ObservedContainer:
        files = {target: f"0ther:{digest.partition(':')[2]}" for target, digest in container.files.items()}
        return replace(container, files=files)

    return replace(state, containers=tuple(foreign(c) for c in state.containers))


_EDITS: dict[str, Edit] = {
    "unset": _unset,
    "stop": _exits,
    "exit": _exits,
    "state": _state,
    "health": _health,
    "rename": _rename,
    "remove": _remove,
    "disconnect": _disconnect,
    "alias": _alias,
    "unnamed": _unnamed,
    "memory": _memory,
    "discards": _discards,
    "restart-policy": _restart,
    "replaced-file": _replaced_file,
    "duplicate": _duplicate,
    "foreign container": _foreign_container,
    "foreign network": _foreign_network,
    "port-held": _port_held,
    "missing-path": _missing_path,
    "foreign volume": _foreign_volume,
    "stranger-on": _stranger_on_network,
    "pruned": _pruned_network,
    "remade": _network_again,
    "twin": _twin_network,
    "lost": _lost_volume,
    "reboot": _reboot,
    "no-image": _no_image,
    "new-image": _image,
    "orphan": _orphan,
    "oneoff": _oneoff,
    "adopted": _adopted,
    "handmade": _handmade,
    "other-key": _other_key,
}
