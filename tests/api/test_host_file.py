"""The host file as it is read again while the daemon runs, and sources of it that cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.main import main
from tests.conftest import free_port
from tests.support import daemons
from tests.support.waiting import eventually


def test_whoever_has_a_broken_host_file_read_is_told_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`reload accepted` and exit code 0 looked as if the new file held."""
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    (tmp_path / "shop.yml").write_text("services: {web: {image: web:1}}\n")
    (tmp_path / "host.yml").write_text("stacks: {shop: shop.yml}\n")
    with daemons.running(tmp_path, free_port()) as host:
        host.settles("shop")
        (tmp_path / "host.yml").write_text("stacks: {shop: {mod: report}}\n")
        assert 1 == main(["daemon", "reload", "--socket", str(host.socket)])
        said = capsys.readouterr().err
        assert f"{tmp_path}/host.yml:1:17, stacks.shop.mod: unknown key `mod`" in said
        assert "did you mean `mode`?" in said
        assert ["shop"] == [stack["name"] for stack in host.client.host()["stacks"]]
        (tmp_path / "host.yml").write_text("stacks: {shop: {path: shop.yml, mode: report}}\n")
        assert 0 == main(["daemon", "reload", "--socket", str(host.socket)])
        assert "report" == host.client.stack("shop")["mode"]


def test_the_status_of_stacks_tells_of_a_source_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its stacks are converged all the while: nobody would look for what does not come."""
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    (tmp_path / "host.yml").write_text("sources: {infra: {url: ./nowhere}}\n")
    with daemons.running(tmp_path, free_port()) as host:
        eventually(lambda: [e for e in host.client.events() if e["event"] == "source-failed"], what="it was asked")
        assert 0 == main(["daemon", "status", "--socket", str(host.socket)])
        assert "not well are the sources infra: `stack sources` says why\n" == capsys.readouterr().err
