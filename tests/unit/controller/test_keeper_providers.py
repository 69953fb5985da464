"""Providers and images that a pass has run, pulled or built: once for each version of the file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.controller.means import Errand
from orchestrator.controller.sources import Wanted
from orchestrator.controller.status import Phase
from orchestrator.errors import EngineError
from orchestrator.model.actions import (
    Action,
    BuildImage,
    PullImage,
    RunProvider,
)
from orchestrator.model.host import Mode
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy
from tests.support import builders
from tests.support.kept_host import Host, host

__all__ = ["host"]


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
