"""Real git servers on 127.0.0.1: ``git http-backend`` behind TLS with a certificate authority of its own, and ``sshd``.

``HttpsGit`` serves the repositories below a folder to whoever has the token, and misbehaves as its ``fault`` says: before
anything is asked of git, or in the pack that git answers with. ``SshGit`` lets one key in.
"""

from __future__ import annotations

import getpass
import os
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.machine import packages

from .lfsserver import LargeFiles
from .waiting import eventually

ANYWHERE = ("127.0.0.1", 0)
TOKEN = "canary-b7c1e9d40f2a"
STATUSES = {"401": 401, "403": 403, "404": 404, "500": 500, "503": 503}
REQUEST_FAULTS = (*STATUSES, "redirect", "hang", "trickle", "endless", "login page", "closed")
PACK_FAULTS = ("truncated", "corrupted", "pack trickle", "pack hang")


class Authority:
    """Certificates for 127.0.0.1 by an authority that nobody but the tests knows."""

    def __init__(self, folder: Path) -> None:
        packages.have(packages.GIT)
        folder.mkdir(parents=True)
        self._folder = folder
        self.certificate = folder / "ca.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=test authority", "-keyout", folder / "ca.key", "-out", self.certificate)  # fmt: skip

    def server(self, name: str = "127.0.0.1", *, expired: bool = False) -> ssl.SSLContext:
        """What a server needs to be ``name``; ``expired`` since yesterday."""
        stem = self._folder / f"{name}{'-expired' if expired else ''}"
        key, request, certificate, more = (stem.with_name(f"{stem.name}.{end}") for end in ("key", "csr", "pem", "ext"))
        kind = "IP" if name[0].isdigit() else "DNS"
        more.write_text(f"subjectAltName={kind}:{name}\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", key, "-out", request)  # fmt: skip
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._folder / "ca.key",
                 "-CAcreateserial", "-extfile", more, "-days", "-1" if expired else "2", "-out", certificate)  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class HttpsGit:
    """``with HttpsGit(folder, authority.server()) as server: server.url("infra")``. ``asked`` counts requests, ``trusted`` those that
    bore the token. ``large_files`` are served where there are some.
    """

    def __init__(
        self, folder: Path, context: ssl.SSLContext, token: str = TOKEN, address: tuple[str, int] = ANYWHERE
    ) -> None:
        self.folder, self.token = folder, token
        self.fault = ""
        self.elsewhere = ""  # where a redirect leads to
        self.asked: list[str] = []
        self.trusted: list[str] = []
        self.large_files: LargeFiles | None = None
        self._over = threading.Event()
        self.context = context  # of the connections to come
        self._server = _Server(address, type("Handler", (_Handler,), {"git": self}))
        self._server.git = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, name: str) -> str:
        return f"https://{self._server.server_address[0]!s}:{self.port}/{name}"

    @contextmanager
    def failing(self, fault: str) -> Iterator[None]:
        """Misbehave until the block ends; whoever is held up goes on then."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = ""
            self._over.set()
            self._over = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Whether the fault was over before so much time has passed."""
        return self._over.wait(seconds)

    def __enter__(self) -> HttpsGit:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    git: HttpsGit

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """The handshake is for the connection's own thread."""
        plain, address = self.socket.accept()
        return self.git.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_: object) -> None:
        """Connections are meant to fail here."""


class _Handler(BaseHTTPRequestHandler):
    """One connection; ``git`` is set to the server that it belongs to."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    git: HttpsGit

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        self.git.asked.append(f"{self.command} {self.path}")
        if self.headers.get("Authorization"):
            self.git.trusted.append(self.path)
        try:
            self._asked(body)
        except (OSError, ssl.SSLError):
            self.close_connection = True

    def _asked(self, body: bytes) -> None:
        fault = self.git.fault
        if fault in REQUEST_FAULTS:
            self.close_connection = True
            self._fail(fault)
        elif self.headers.get("Authorization") != _basic(self.git.token):
            self._say(401, b"", [("WWW-Authenticate", 'Basic realm="git"')])
        elif self.git.large_files is not None and "/info/lfs/" in self.path:
            status, headers, content = self.git.large_files.answer(self.path, body)
            self._say(status, content, headers)
        else:
            status, headers, content = _backend(self.git.folder, self, body)
            if fault in PACK_FAULTS and b"command=fetch" in body:
                self._spoil(fault, headers, content)
            else:
                self._say(status, content, headers)

    def _fail(self, fault: str) -> None:
        if fault in STATUSES:
            self._say(STATUSES[fault], b"no", [("WWW-Authenticate", 'Basic realm="git"')] if fault == "401" else [])
        elif fault == "redirect":
            self._say(302, b"", [("Location", self.git.elsewhere + self.path)])
        elif fault == "login page":
            self._say(200, b"<html>Please sign in</html>", [("Content-Type", "text/html")])
        elif fault == "hang":
            self.git.wait(60)
        elif fault == "trickle":
            self._send_forever(b"0", 0.2)
        elif fault == "endless":
            self._send_forever(b"x" * 65536, 0.0)

    def _send_forever(self, piece: bytes, pause: float) -> None:
        """Until the other side has enough."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.end_headers()
        ends = time.monotonic() + 60
        while time.monotonic() < ends and not self.git.wait(pause):
            self.wfile.write(piece)

    def _spoil(self, fault: str, headers: list[tuple[str, str]], content: bytes) -> None:
        middle = len(content) * 2 // 3
        if fault == "corrupted":
            changed = bytes(byte ^ 0x55 for byte in content[middle : middle + 8])
            self._say(200, content[:middle] + changed + content[middle + 8 :], headers)
            return
        self.close_connection = True
        self.send_response(200)
        for name, value in (*headers, ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[:middle])
        self.wfile.flush()
        if fault == "pack hang":
            self.git.wait(60)
        elif fault == "pack trickle":
            for position in range(middle, len(content)):
                if self.git.wait(0.2):
                    break
                self.wfile.write(content[position : position + 1])

    def _say(self, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _basic(token: str) -> str:
    return "Basic " + b64encode(f"git:{token}".encode()).decode()


def _backend(folder: Path, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and content as ``git http-backend`` has them."""
    path, _, query = handler.path.partition("?")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "REQUEST_METHOD": handler.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": handler.headers.get("Content-Type") or "",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding") or "",
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol") or "",
        "REMOTE_USER": "git",
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = [(name, value) for line in head.decode().splitlines() for name, _, value in [line.partition(": ")]]
    status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
    return status, [one for one in headers if one[0] != "Status"], content


class SshGit:
    """A real ``sshd`` on 127.0.0.1, for the user of the tests. ``key`` is let in, ``known_hosts`` says who it is."""

    def __init__(self, folder: Path, port: int) -> None:
        packages.have(packages.GIT)
        folder.mkdir(parents=True)
        self.folder, self.port = folder, port
        self.key, self.other_key, host = (_ssh_key(folder / name) for name in ("deploy_key", "other_key", "host_key"))
        self.known_hosts, self.wrong_hosts = folder / "known_hosts", folder / "wrong_hosts"
        name = f"[127.0.0.1]:{port}"
        self.known_hosts.write_text(f"{name} {host.with_suffix('.pub').read_text()}")
        self.wrong_hosts.write_text(f"{name} {self.other_key.with_suffix('.pub').read_text()}")
        (folder / "authorized").write_text(self.key.with_suffix(".pub").read_text())
        (folder / "config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {folder}/authorized\n"
            "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\nLogLevel ERROR\n"
        )
        self.folder.joinpath("log").touch()

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def __enter__(self) -> SshGit:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        sshd = packages.path_of("sshd")
        self._process = subprocess.Popen(
            [sshd, "-D", "-f", str(self.folder / "config"), "-E", str(self.folder / "log")], start_new_session=True
        )
        eventually(lambda: _listens(self.port), what="sshd listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)


def _ssh_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
