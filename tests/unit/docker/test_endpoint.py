"""The engine is found where Docker's own command line would find it, and nothing is opened to know that."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from orchestrator.engines.docker.dial import ssh_command
from orchestrator.engines.docker.endpoint import Endpoint, resolve
from orchestrator.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".docker").mkdir()
    return tmp_path


def found(home: Path, host: str = "", context: str = "", **environment: str) -> Endpoint:
    return resolve({"HOME": str(home), **environment}, host=host, context=context)


def write_config(home: Path, **content: object) -> None:
    (home / ".docker/config.json").write_text(json.dumps(content))


def write_context(home: Path, name: str, host: str, *, tls: bool = False, skip: bool = False) -> Path:
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = home / ".docker/contexts/meta" / digest
    folder.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": skip}
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    files = home / ".docker/contexts/tls" / digest / "docker"
    if tls:
        files.mkdir(parents=True)
        for file in ("ca.pem", "cert.pem", "key.pem"):
            (files / file).touch()
    return files


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("tcp://10.0.0.1:1234", "tcp://10.0.0.1:1234"),
        ("tcp://example", "tcp://example:2375"),
        ("example:99", "tcp://example:99"),
        ("http://example/prefix/", "tcp://example:2375/prefix"),
        ("https://example", "tcp://example:2376"),
        ("tcp://[::1]:2375", "tcp://[::1]:2375"),
        ("ssh://me@host:2222", "ssh://me@host:2222"),
        ("ssh://host/run/other.sock", "ssh://host/run/other.sock"),
    ],
)
def test_every_form_of_docker_host_is_understood(home: Path, host: str, shown: str) -> None:
    assert shown == str(found(home, DOCKER_HOST=host))


@pytest.mark.parametrize(
    "host",
    [
        "npipe:////./pipe/docker_engine",
        "fd://",
        "ftp://x",
        "tcp://x:y",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://a:b@c",
    ],
)
def test_what_cannot_be_an_engine_is_refused_with_advice(home: Path, host: str) -> None:
    with pytest.raises(UsageError) as caught:
        found(home, DOCKER_HOST=host)

    assert caught.value.hint


def test_a_password_in_the_address_is_not_repeated(home: Path) -> None:
    with pytest.raises(UsageError) as caught:
        found(home, DOCKER_HOST="ssh://me:hunter2@host")

    assert "hunter2" not in str(caught.value)


def test_named_pipes_are_told_to_belong_to_windows(home: Path) -> None:
    with pytest.raises(UsageError, match="Windows"):
        found(home, DOCKER_HOST="npipe:////./pipe/docker_engine")


def test_wishes_win_in_the_order_of_dockers_command_line(home: Path) -> None:
    """An explicit host, an explicit context, DOCKER_HOST, DOCKER_CONTEXT, the current context, the usual socket."""
    for name in ("explicit", "variable", "current"):
        write_context(home, name, f"unix:///{name}")

    assert "unix:///var/run/docker.sock" == str(found(home))
    write_config(home, currentContext="current")
    assert "unix:///current" == str(found(home))
    assert "unix:///variable" == str(found(home, DOCKER_CONTEXT="variable"))
    assert "unix:///host" == str(found(home, DOCKER_CONTEXT="variable", DOCKER_HOST="unix:///host"))
    assert "unix:///explicit" == str(found(home, DOCKER_HOST="unix:///host", context="explicit"))
    assert "unix:///flag" == str(found(home, DOCKER_HOST="unix:///host", host="unix:///flag"))
    assert "unix:///var/run/docker.sock" == str(found(home, DOCKER_CONTEXT="default"))


def test_a_context_that_does_not_exist_is_named_with_where_it_was_asked_for(home: Path) -> None:
    with pytest.raises(UsageError, match=r"'nowhere' \(from DOCKER_CONTEXT\) does not exist"):
        found(home, DOCKER_CONTEXT="nowhere")


def test_a_broken_configuration_is_named_by_its_file(home: Path) -> None:
    (home / ".docker/config.json").write_text("{")

    with pytest.raises(UsageError) as caught:
        found(home)

    assert caught.value.where is not None
    assert str(home / ".docker/config.json") == caught.value.where.file


def test_docker_config_moves_everything(home: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.json").write_text('{"currentContext": "x"}')

    with pytest.raises(UsageError, match="'x'"):
        found(home, DOCKER_CONFIG=str(tmp_path / "other"))


def test_tls_comes_from_the_environment_and_is_verified_only_if_asked(home: Path, tmp_path: Path) -> None:
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    for file in ("ca.pem", "cert.pem"):
        (certificates / file).touch()
    where = {"DOCKER_HOST": "tcp://x", "DOCKER_CERT_PATH": str(certificates)}

    assert found(home, **where).tls is None
    verified = found(home, **where, DOCKER_TLS_VERIFY="1")
    assert verified.tls is not None
    assert (str(certificates / "ca.pem"), "", True) == (verified.tls.ca, verified.tls.key, verified.tls.verify)
    assert 2376 == verified.port
    trusting = found(home, **where, DOCKER_TLS="1").tls
    assert trusting is not None
    assert not trusting.verify


def test_a_context_brings_its_own_certificates(home: Path) -> None:
    files = write_context(home, "remote", "tcp://x:2376", tls=True, skip=True)

    tls = found(home, DOCKER_CONTEXT="remote").tls

    assert tls is not None
    assert (str(files / "key.pem"), False) == (tls.key, tls.verify)


def test_an_api_version_can_be_pinned_but_not_below_what_is_supported(home: Path) -> None:
    assert (1, 43) == found(home, DOCKER_API_VERSION="1.43").api_version
    with pytest.raises(UsageError, match=r"1\.41"):
        found(home, DOCKER_API_VERSION="1.40")
    with pytest.raises(UsageError, match="no version"):
        found(home, DOCKER_API_VERSION="newest")


def test_ssh_is_called_with_an_argument_list_that_cannot_be_taken_for_options(home: Path) -> None:
    command = ssh_command(found(home, DOCKER_HOST="ssh://me@host:2222/run/d.sock"))

    assert ["ssh", "-l", "me", "-p", "2222", "-o", "ConnectTimeout=30", "-T", "--", "host"] == command[:10]
    assert ["docker", "--host", "unix:///run/d.sock", "system", "dial-stdio"] == command[10:]
