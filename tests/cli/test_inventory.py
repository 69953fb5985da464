"""Every option of Compose's that a command has is known here: carried out, or refused in so many words."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from orchestrator.cli import overview, table, typed
from orchestrator.cli.declare import FLAG, POSITIONAL, parameters
from orchestrator.cli.options import Shared

COMPOSE = {
    "attach": "--detach-keys --index --no-stdin --sig-proxy",
    "build": "--build-arg --builder --check --compress --force-rm -m --memory --no-cache --no-rm --parallel --print "
    "--provenance --pull --push -q --quiet --sbom --ssh --with-dependencies",
    "commit": "-a --author -c --change --index -m --message -p --pause",
    "config": "--environment --format --hash --images --lock-image-digests --models --networks --no-consistency "
    "--no-env-resolution --no-interpolate --no-normalize --no-path-resolution -o --output --profiles -q --quiet "
    "--resolve-image-digests --services --variables --volumes",
    "cp": "--all -a --archive -L --follow-link --index",
    "create": "--build --force-recreate --no-build --no-recreate --pull --quiet-pull --remove-orphans --scale -y --yes",
    "down": "--remove-orphans --rmi -t --timeout -v --volumes",
    "events": "--json --since --until",
    "exec": "-d --detach -e --env --index -i --interactive -T --no-tty --privileged -t --tty -u --user -w --workdir",
    "export": "--index -o --output",
    "images": "--format -q --quiet",
    "kill": "--remove-orphans -s --signal",
    "logs": "-f --follow --index --no-color --no-log-prefix --since -n --tail -t --timestamps --until",
    "ls": "-a --all --filter --format -q --quiet",
    "pause": "",
    "port": "--index --protocol",
    "ps": "-a --all --filter --format --no-trunc --orphans -q --quiet --services --status",
    "pull": "--ignore-buildable --ignore-pull-failures --include-deps --no-parallel --parallel --policy -q --quiet",
    "bridge convert": "-o --output --templates -t --transformation",
    "bridge transformations create": "-f --from",
    "bridge transformations list": "--format -q --quiet",
    "volumes": "--format -q --quiet",
    "alpha generate": "--format --name --project-dir",
    "publish": "--app --oci-version --resolve-image-digests --with-env -y --yes",
    "alpha publish": "--app --oci-version --resolve-image-digests --with-env -y --yes",
    "push": "--ignore-push-failures --include-deps -q --quiet",
    "alpha viz": "--image --indentation-size --networks --ports --spaces",
    "restart": "--no-deps -t --timeout",
    "rm": "-a --all -f --force -s --stop -v --volumes",
    "run": "--build --cap-add --cap-drop -d --detach --entrypoint -e --env --env-from-file -i --interactive -l --label "
    "--labels --name --no-deps -T --no-tty --no-TTY -p --publish --pull -q --quiet --quiet-build --quiet-pull "
    "--remove-orphans --rm -P --service-ports -t --tty --use-aliases -u --user -v --volume --volumes -w --workdir",
    "scale": "--no-deps",
    "start": "--wait --wait-timeout",
    "stats": "-a --all --format --no-stream --no-trunc",
    "stop": "-t --timeout",
    "top": "",
    "unpause": "",
    "up": "--abort-on-container-exit --abort-on-container-failure --always-recreate-deps --attach "
    "--attach-dependencies --build -d --detach --exit-code-from --force-recreate --menu --no-attach --no-build "
    "--no-color --no-deps --no-log-prefix --no-recreate --no-start --pull --quiet-build --quiet-pull "
    "--remove-orphans -V --renew-anon-volumes --scale -t --timeout --timestamps --wait --wait-timeout -w --watch -y "
    "--yes",
    "watch": "--no-up --prune --quiet",
    "version": "-f --format --short",
    "wait": "--down-project",
}
GLOBAL = (
    "--all-resources --ansi --compatibility --dry-run --env-file -f --file --parallel --profile --progress "
    "--project-directory -p --project-name --no-ansi --verbose --workdir --insecure-registry"
)


def options(command: str) -> type:
    row = table.find(command)
    assert row is not None
    declaration: type = import_module(f"orchestrator.cli.commands.{row.module}").Options
    return declaration


@pytest.mark.parametrize("command", COMPOSE)
def test_every_option_of_composes_is_known(command: str) -> None:
    known = {name for parameter in parameters(options(command)) for name in parameter.names}
    assert set() == set(COMPOSE[command].split()) - known


HIDDEN = {  # Compose hides these too
    "build": "--compress --force-rm --no-rm --parallel",
    "exec": "-i --interactive -t --tty",
    "pull": "--no-parallel --parallel",
    "rm": "-a --all",
    "run": "-t --tty",
}


@pytest.mark.parametrize("command", COMPOSE)
def test_every_option_of_composes_is_on_the_help_page(command: str) -> None:
    row = table.find(command)
    assert row is not None
    words = set(re.split(r"[\s,/=\[\]]+", typed.page(row, options(command))))
    assert set() == set(COMPOSE[command].split()) - set(HIDDEN.get(command, "").split()) - words


def test_every_command_of_composes_is_on_the_overview() -> None:
    named = {name.partition(" ")[0] for name in COMPOSE} - {"alpha", "bridge"}
    shown = {line.split()[0] for line in overview.page().splitlines() if line.startswith("  ") and line.split()}
    assert set() == named - shown


def test_every_global_option_of_composes_is_known() -> None:
    known = {name for parameter in parameters(Shared) for name in parameter.names}
    assert set() == set(GLOBAL.split()) - known


@pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.name)
def test_every_command_says_what_it_and_its_options_are_for(row: table.Row) -> None:
    assert row.summary
    for parameter in parameters(options(row.name)):
        assert parameter.help or parameter.later or parameter.kind == POSITIONAL, parameter.names
        assert parameter.kind in (FLAG, POSITIONAL) or parameter.metavar


@pytest.mark.parametrize("row", table.ROWS, ids=lambda row: row.name)
def test_no_command_says_a_name_twice(row: table.Row) -> None:
    names = [name for parameter in parameters(options(row.name)) for name in parameter.names]
    assert len(names) == len(set(names))
