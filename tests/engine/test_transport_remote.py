"""Engines that are not behind a Unix socket: TCP with certificates on both sides, and the way through ``ssh``."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.engines.console import Execution
from orchestrator.engines.docker import session
from orchestrator.engines.docker.client import Client
from orchestrator.errors import EngineUnreachable, UsageError
from scripts.machine import images
from tests.conftest import EngineMaker
from tests.support.engines import Engine

PORT = 2376
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
# The engine's address is known only once it runs: its certificate names all that a private engine may get.
ADDRESSES = ",".join(f"IP:10.213.{number}.2" for number in range(256))


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority, and what it signed for the engine and for a client."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    _openssl(
        folder, "req", "-x509", *NEW_KEY, "-days", "2", "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ca"
    )
    _sign(folder, "server-", "engine", f"subjectAltName={ADDRESSES}\nextendedKeyUsage=serverAuth\n")
    _sign(folder, "", "client", "extendedKeyUsage=clientAuth\n")
    return folder


def _sign(folder: Path, prefix: str, subject: str, extension: str) -> None:
    (folder / f"{prefix}extension").write_text(extension)
    _openssl(
        folder, "req", *NEW_KEY, "-keyout", f"{prefix}key.pem", "-out", f"{prefix}request", "-subj", f"/CN={subject}"
    )
    authority = ("-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-days", "2")
    files = ("-in", f"{prefix}request", "-out", f"{prefix}cert.pem", "-extfile", f"{prefix}extension")
    _openssl(folder, "x509", "-req", *authority, *files)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def test_an_engine_behind_tls_is_used_with_certificates_and_not_without(
    private_engine: EngineMaker, certificates: Path, tmp_path: Path
) -> None:
    """A command gets its whole input and its end there too: TLS is closed in one direction only."""
    files = ("ca.pem", "server-cert.pem", "server-key.pem")
    options = zip(("--tlscacert", "--tlscert", "--tlskey"), files, strict=True)
    arguments = [word for option, file in options for word in (option, str(certificates / file))]
    engine = private_engine("--host", f"tcp://0.0.0.0:{PORT}", "--tlsverify", *arguments)
    images.import_busybox(engine.api)
    container = engine.run("tls", Cmd=["sleep", "1000"])
    address = {"HOME": str(tmp_path), "DOCKER_HOST": f"tcp://{engine.host}:{PORT}"}
    verified = {**address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}

    with Client.from_environment(verified) as client:
        assert container == client.get_json("/containers/tls/json")["Id"]
        assert (0, 300_000) == _count_input(client, "tls", tmp_path)

    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
    _refused({**verified, "DOCKER_CERT_PATH": str(stranger)})  # no certificate of its own
    (stranger / "ca.pem").write_bytes((certificates / "cert.pem").read_bytes())
    _refused({**verified, "DOCKER_CERT_PATH": str(stranger)})  # trusts somebody else
    (stranger / "ca.pem").write_text("nonsense")
    with pytest.raises(UsageError, match="TLS files"):
        Client.from_environment({**verified, "DOCKER_CERT_PATH": str(stranger)}).get_json("/version")


def _refused(environment: dict[str, str]) -> None:
    with Client.from_environment(environment) as client, pytest.raises(EngineUnreachable):
        client.get_json("/version")


def _count_input(client: Client, container: str, folder: Path) -> tuple[int, int]:
    (folder / "input").write_bytes(b"x" * 300_000)
    with (folder / "input").open("rb") as source, (folder / "output").open("wb") as target:
        wires = session.Wires(source.fileno(), target.fileno(), target.fileno())
        code = session.execute(client, Execution(container=container, command=("wc", "-c")), wires=wires)
    return code, int((folder / "output").read_bytes())


def test_an_engine_is_reached_through_ssh(ssh_to_here: dict[str, str], each_engine: Engine) -> None:
    environment = {**ssh_to_here, "DOCKER_HOST": f"ssh://me@open{each_engine.socket}"}

    with Client.from_environment(environment) as client:
        assert each_engine.api.get("/info")["ID"] == client.get_json("/info")["ID"]
        assert isinstance(client.get_json("/containers/json"), list)


def test_what_ssh_complains_of_is_told(ssh_to_here: dict[str, str]) -> None:
    with Client.from_environment({**ssh_to_here, "DOCKER_HOST": "ssh://me@closed"}) as client:
        with pytest.raises(EngineUnreachable, match=r"Permission denied \(publickey\)"):
            client.get_json("/version")
