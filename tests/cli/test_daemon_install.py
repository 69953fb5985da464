"""`stack daemon install`: the unit it writes is a good one, and nothing that was there is overwritten."""

from __future__ import annotations

import pytest

from .conftest import Shell


def test_it_writes_a_unit_a_host_file_and_a_first_token(shell: Shell) -> None:
    root = shell.folder / "root"
    said = shell("daemon", "install", "--root", str(root), "--listen", "127.0.0.1:8700").ok()
    unit = (root / "etc/systemd/system/stack.service").read_text()

    assert "--listen 127.0.0.1:8700" in unit
    assert "ProtectSystem=strict" in unit
    assert "stacks: {}" in (root / "etc/stack/host.yml").read_text()
    assert said.out.startswith("stk_")


def test_a_host_file_that_is_there_stays(shell: Shell) -> None:
    root = shell.folder / "root"
    (root / "etc/stack").mkdir(parents=True)
    (root / "etc/stack/host.yml").write_text("stacks: {mine: }\n")
    shell("daemon", "install", "--root", str(root)).ok()

    assert "mine" in (root / "etc/stack/host.yml").read_text()


def test_without_systemd_nothing_is_written(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, where systemctl may be installed all the same."""
    monkeypatch.setattr("orchestrator.cli.commands.daemon_install.BOOTED", str(shell.folder / "nowhere"))
    result = shell("daemon", "install", "--config", str(shell.folder / "host.yml")).failed(2)

    assert "systemd" in result.err
    assert not (shell.folder / "host.yml").exists()


def test_the_unit_can_be_looked_at_first(shell: Shell) -> None:
    assert "NoNewPrivileges=yes" in shell("daemon", "install", "--print").ok().out
