"""Providers: a program found as Compose finds it, called with fixed arguments, its messages taken for what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.execute_provider import program, run
from orchestrator.errors import EngineError
from orchestrator.model.actions import RunProvider
from orchestrator.model.stack import Provider

SCRIPT = """#!/bin/sh
printf '%s\\n' "$@" > "$SAID"
echo '{"type": "info", "message": "making it"}'
echo 'no json at all'
echo '{"type": "setenv", "message": "URL=db://x?a=b"}'
echo '{"type": "rawsetenv", "message": "REGION=here"}'
echo '{"type": "debug", "message": "never shown"}'
"""


def access(tmp_path: Path) -> Access:
    """The environment of a user with plugins in the usual folder; no engine is asked."""
    environment = {
        "DOCKER_HOST": f"unix://{tmp_path}/none.sock",
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "SAID": str(tmp_path / "said"),
    }
    return Access(Client.from_environment(environment))


def install(path: Path, script: str = SCRIPT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


def order(command: str = "up", kind: str = "cloud", **options: tuple[str, ...]) -> RunProvider:
    provider = Provider(type=kind, options=options)
    return RunProvider(service="my-db", provider=provider, command=command, stack="shop")


def test_variables_come_back_and_progress_is_shown(tmp_path: Path) -> None:
    install(tmp_path / "docker/cli-plugins/docker-cloud")
    shown: list[str] = []
    said = run(
        access(tmp_path),
        order(size=("10",), tag=("a b", "c")),
        lambda text, *_: shown.append(text),
        CancelToken(),
    )

    assert said.splitlines() == ["MY_DB_URL=db://x?a=b", "REGION=here"]
    assert shown == ["making it"]
    assert (tmp_path / "said").read_text().splitlines() == [
        "compose",
        "--project-name=shop",
        "up",
        "--size=10",
        "--tag=a b",
        "--tag=c",
        "my-db",
    ]


def test_a_plugin_wins_over_a_program_in_the_path(tmp_path: Path) -> None:
    environment = access(tmp_path).environment
    install(tmp_path / "bin/cloud")
    assert program("cloud", environment) == f"{tmp_path}/bin/cloud"
    install(tmp_path / "docker/cli-plugins/docker-cloud")
    assert program("cloud", environment) == f"{tmp_path}/docker/cli-plugins/docker-cloud"


@pytest.mark.parametrize("kind", ["nothing-of-that-name", "../bin/cloud", "compose", "", ".."])
def test_what_is_no_provider_is_refused(tmp_path: Path, kind: str) -> None:
    install(tmp_path / "bin/cloud")
    install(tmp_path / "bin/compose")
    with pytest.raises(EngineError) as refused:
        program(kind, access(tmp_path).environment)

    assert refused.value.ref == "provider-missing"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('echo \'{"type": "error", "message": "no quota"}\'', "no quota"),
        ("echo complaint >&2; exit 3", "complaint"),
    ],
)
def test_a_failure_says_what_the_program_said(tmp_path: Path, script: str, reason: str) -> None:
    install(tmp_path / "bin/cloud", f"#!/bin/sh\n{script}\n")
    with pytest.raises(EngineError) as refused:
        run(access(tmp_path), order(), lambda *_: None, CancelToken())

    assert refused.value.ref == "provider-failed"
    assert reason in refused.value.message


TELLING = """#!/bin/sh
if [ "$2" = metadata ]; then
  cat <<'END'
{"description": "clouds",
 "up": {"parameters": [{"name": "size", "required": true}, {"name": "tag"}]},
 "down": {"parameters": []},
 "stop": {"parameters": [{"name": "tag"}]}}
END
  exit 0
fi
printf '%s\\n' "$@" >> "$SAID"
"""


def test_a_command_gets_the_options_that_it_takes(tmp_path: Path) -> None:
    install(tmp_path / "bin/cloud", TELLING)
    for command in ("up", "down", "stop"):
        run(access(tmp_path), order(command, size=("10",), tag=("x",)), lambda *_: None, CancelToken())

    lines = (tmp_path / "said").read_text().split("my-db\n")
    assert ["--size=10", "--tag=x"] == [word for word in lines[0].split() if word.startswith("--size") or "tag" in word]
    assert "size" not in lines[1] + lines[2]
    assert ["tag" in line for line in lines] == [True, False, True, False]


def test_an_option_that_a_provider_needs_is_asked_for(tmp_path: Path) -> None:
    install(tmp_path / "bin/cloud", TELLING)
    with pytest.raises(EngineError) as refused:
        run(access(tmp_path), order("up", tag=("x",)), lambda *_: None, CancelToken())

    assert "needs the option size" in refused.value.message
    assert not (tmp_path / "said").exists()


@pytest.mark.parametrize("says", ["exit 1", "echo no json", 'echo \'{"up": {"parameters": [{}]}}\'', "echo '[]'"])
def test_a_provider_that_declares_no_stop_is_not_stopped(tmp_path: Path, says: str) -> None:
    install(tmp_path / "bin/cloud", f'#!/bin/sh\n[ "$2" = metadata ] && {{ {says}; exit $?; }}\ntouch "$SAID"\n')

    assert "" == run(access(tmp_path), order("stop"), lambda *_: None, CancelToken())
    assert not (tmp_path / "said").exists()
