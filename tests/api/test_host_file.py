"""The host file as it is read again while the daemon runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.main import main
from tests.conftest import free_port
from tests.support import daemons


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
