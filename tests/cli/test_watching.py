"""The watch as the menu of `up` uses it: on, off and on again; on the memory engine."""

from __future__ import annotations

from pathlib import Path

from orchestrator.cli.watching import Manner, Watching
from orchestrator.cli.wiring import Context
from orchestrator.planner.policy import Policy
from tests.cli.conftest import Shell
from tests.support.waiting import eventually

WATCHED = """
    name: shop
    services:
      web:
        image: web:1
        develop: {watch: [{path: src, action: sync, target: /app}]}
    """


def test_a_watch_can_be_switched_on_and_off_again_and_again(shell: Shell) -> None:
    shell.write(WATCHED)
    shell.write("one", "src/file")
    shell("up", "-d").ok()
    context, said = Context.of_process(), []
    watching = Watching(context, context.load(), Manner(), said.append)
    for number in range(3):
        said.clear()
        watching.toggle()
        assert watching.on
        (shell.folder / "src/file").write_text(str(number))
        eventually(lambda: 'Syncing service "web" after 1 changes were detected' in said, within=10, what=f"{said}")
        watching.toggle()
        assert not watching.on
        assert ["Watch enabled", "Watch disabled"] == [line for line in said if line.startswith("Watch")]
    context.close()


def test_what_keeps_a_watch_from_beginning_is_told(shell: Shell) -> None:
    shell.write("services: {web: {image: 'web:1'}}")
    context, said = Context.of_process(), []
    watching = Watching(context, context.load(), Manner(), said.append)
    watching.toggle()
    assert not watching.on
    assert "none of the selected services is configured for watch" in said[0]


def test_a_changed_spec_is_brought_about_and_a_broken_one_is_not(shell: Shell, tmp_path: Path) -> None:
    shell.write(WATCHED)
    shell("up", "-d").ok()
    context, said = Context.of_process(), []
    stack = context.load()
    watching = Watching(context, stack, Manner(spec=lambda: (context.load(), Policy())), said.append)
    watching.start()
    try:
        shell.change("web:1", "web:2")
        eventually(lambda: "web:2" in {c.image for c in context.engine.console.containers()}, within=20, what=f"{said}")
        shell.change("image: web:2", "imag: web:3")
        eventually(lambda: any("nothing was changed" in line for line in said), within=20, what=f"{said}")
        assert {"web:2"} == {c.image for c in context.engine.console.containers()}
    finally:
        watching.stop()
        context.close()
