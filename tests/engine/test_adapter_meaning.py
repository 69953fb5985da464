"""What actions mean on a real engine is what ``transition`` says: the same plans and outcomes in memory and here."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Engine as Seam
from orchestrator.engines.memory import MemoryEngine
from orchestrator.events import Quiet
from orchestrator.executor import apply
from orchestrator.model.difference import differences
from orchestrator.model.observed import ObservedContainer, ObservedState, Scope
from orchestrator.model.plan import Outcome
from orchestrator.model.stack import Stack
from orchestrator.planner.plan import plan
from orchestrator.planner.policy import Policy
from orchestrator.planner.text import render
from orchestrator.spec.load import LoadRequest, load_stack
from tests.support.adapter import World

FIRST = """
    services:
      db:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        healthcheck: {test: "true", interval: 200ms}
        volumes: ["data:/data", "/scratch"]
        networks: [back]
      job: {image: busybox:stable, command: "true", restart: "no", network_mode: none}
      web:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        scale: 2
        depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}
        environment: {COLOUR: blue}
        networks: {front: {aliases: [shop]}, back: }
        configs: [{source: motd, target: /etc/motd}]
        deploy: {update_config: {monitor: 1ms}}
      aside: {image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL, network_mode: "service:db"}
    networks: {front: , back: {internal: true}}
    volumes: {data: }
    configs: {motd: {content: hello}}
"""

CHANGES = {
    "a variable": (("COLOUR: blue", "COLOUR: green"),),
    "a limit in place": (("environment: {COLOUR: blue}", "environment: {COLOUR: blue}\n        mem_limit: 64m"),),
    "one more, one less": (("scale: 2", "scale: 3"),),
    "a content": (("content: hello", "content: goodbye"),),
    "an alias": (("aliases: [shop]", "aliases: [shop, store]"),),
    "a service less, another more": (("      aside: ", "      beside: "),),
}  # fmt: skip


def stack_of(text: str, folder: Path, name: str) -> Stack:
    file = folder / "app.yml"
    file.write_text(textwrap.dedent(text))
    request = LoadRequest(files=(str(file),), environment={}, project_name=name, current_directory=str(folder))
    return load_stack(request, key=b"k" * 32)


def brought(stack: Stack, engine: Seam, policy: Policy) -> tuple[str, ObservedState]:
    """Plans carried out until there is nothing left to do; what was planned, and the state it led to."""
    texts = []
    for _ in range(5):
        made = plan(stack, engine.observe(Scope.of(stack)), policy)
        if not made.steps:
            return "\n".join(texts), engine.observe(Scope.of(stack))
        texts.append(render(made))
        result = apply(made, engine, workers=4, sink=Quiet(), cancel=CancelToken())
        assert [] == [str(step.error) for step in result.results.values() if step.outcome is not Outcome.DONE]
    raise AssertionError("never at its end:\n" + "\n".join(texts))


def without_ids(text: str) -> str:
    return re.sub(r"\((c?[0-9a-f]{11,64})\)", "(ID)", re.sub(r"\b(net[0-9a-f]+|[0-9a-f]{64})\b", "ID", text))


def compared(state: ObservedState) -> dict[str, Any]:
    """A state without what each engine chooses for itself: ids, moments, addresses."""
    return {
        **{container.name: _facts(container) for container in sorted(state.containers, key=lambda c: c.name)},
        "networks": {(n.name, n.key, n.owned, n.driver, n.internal) for n in state.networks},
        "volumes": {(v.name, v.key, v.owned, v.driver) for v in state.volumes},
    }


def _facts(container: ObservedContainer) -> Mapping[str, Any]:
    own = {
        name: text
        for name, text in container.labels.items()
        if not name.endswith((".image", ".fingerprint", "config-hash"))
    }
    return {
        "slot": (container.service, container.slot, container.oneoff),
        "state": (container.state, container.health, container.exit_code),
        "endpoints": {(e.network_name, e.aliases, e.named) for e in container.endpoints},
        "files": set(container.files),
        "volumes": set(container.anonymous_volumes),
        "shares": set(container.peers),
        "labels": own,
    }


def same_settings(one: ObservedState, other: ObservedState) -> None:
    mine = {container.name: container for container in one.containers}
    for container in other.containers:
        settings, wanted = container.settings, mine[container.name].settings
        assert settings is not None
        assert wanted is not None
        assert () == differences(
            replace(wanted, platform=""),
            settings,
            container.image_defaults,
            engine=other.engine.defaults,
            networks=False,
        )


def test_a_stack_and_its_changes_lead_to_the_same_in_memory_and_on_an_engine(world: World, tmp_path: Path) -> None:
    first = stack_of(FIRST, tmp_path, world.stack)
    docker, policy = world.adapter, Policy(remove_orphans=True)
    present = docker.observe(Scope.of(first))
    memory = MemoryEngine(present)
    planned, state = brought(first, docker, policy)
    imagined, belief = brought(first, memory, policy)
    assert without_ids(imagined) == without_ids(planned)
    assert compared(belief) == compared(state)
    same_settings(belief, state)

    for name, edits in CHANGES.items():
        text = FIRST
        for before, after in edits:
            assert before in text
            text = text.replace(before, after)
        changed = stack_of(text, tmp_path, world.stack)
        planned, state = brought(changed, docker, policy)
        imagined, belief = brought(changed, memory, policy)

        assert planned, name
        assert without_ids(imagined) == without_ids(planned), name
        assert compared(belief) == compared(state), name
        same_settings(belief, state)

    nothing = replace(first, services={}, networks={}, volumes={})
    gone = Policy(remove_orphans=True, remove_networks=True)
    for engine in (docker, memory):
        _, left = brought(nothing, engine, gone)
        assert left.containers == ()
