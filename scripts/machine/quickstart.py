"""The README's first command: from a bare machine to a page served by two containers, and back with ``--remove``.

A virtual environment, an engine (the machine's own, else a private one), the base image, a free port, ``stack up``.
Each part does nothing when it is done already, so running this again is cheap and goes on where an interrupted run
ended.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from urllib.error import URLError

from . import control, found, images, packages, venv
from . import engine as engines
from .commands import ROOT, Problem, say
from .engine_api import EngineApi

FILE = "examples/quickstart/app.yml"
PROJECT = "quickstart"
PORTS = range(8080, 8100)
PRIVATE = engines.Private.called(PROJECT)
PAGE_SECONDS = 10


def main(words: Sequence[str]) -> int:
    options = _options(words)
    try:
        if options.remove:
            return remove()
        return bring_up()
    except Problem as problem:
        say(f"error: {problem}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        return 130


def bring_up() -> int:
    venv.ensure()
    engine = _engine()
    environment = _environment(engine)
    if engine.is_local:
        _base_image(EngineApi(engine.address))
        environment["QUICKSTART_PORT"] = str(_port(EngineApi(engine.address)))
    say(f"$ stack up -d -f {FILE} --wait")
    if code := _stack(environment, "up", "-d", "-f", FILE, "--wait"):
        say(f"error: `stack up` ended with exit code {code}; its message is above")
        return code
    say(f"$ stack ps -f {FILE}")
    if code := _stack(environment, "ps", "-f", FILE):
        return code
    address = _page_address(engine, environment)
    _show_page(address)
    _say_how_to_go_on(engine, environment, address)
    return 0


def remove() -> int:
    """Everything this command made, apart from packages, which others may have come to use."""
    engine = _engine_if_any()
    if engine is not None and os.path.exists(venv.program("stack")):
        say(f"$ stack down -f {FILE} --volumes --rmi local")
        code = _stack(_environment(engine), "down", "-f", FILE, "--volumes", "--rmi", "local", "-t", "2")
        # A private engine goes as a whole, whatever is left in it.
        if code and engine.source != "private":
            return code
    if PRIVATE.state.exists() or PRIVATE.run.exists():
        say(f"ending the private engine and removing {PRIVATE.state} ...")
        control.stop(PRIVATE, remove=True)
    say(f"removed. What is left: {venv.FOLDER} (delete it), and packages that apt-get installed.")
    return 0


def _engine() -> found.Found:
    """The machine's own engine where one answers, else a private one."""
    if engine := _engine_if_any():
        say(f"using the engine at {engine.address} ({engine.source})")
        return engine
    packages.have(packages.ENGINE)
    say(f"no Docker Engine answers here: starting a private one in {PRIVATE.state} ...")
    return found.Found(control.start(PRIVATE).address, "private")


def _engine_if_any() -> found.Found | None:
    if engine := found.find():
        return engine
    return found.Found(PRIVATE.address, "private") if PRIVATE.api.answers() else None


def _base_image(api: EngineApi) -> None:
    """busybox:stable, pulled where a registry can be reached, else made from this machine's busybox-static."""
    if images.has(api, "busybox:stable"):
        return
    say("getting busybox:stable ...")
    if not images.pull(api, "busybox", "stable"):
        say("it cannot be pulled from here: importing Debian's busybox-static in its place")
        packages.have({"busybox": "busybox-static"})
        images.import_busybox(api)


def _port(api: EngineApi) -> int:
    """The port our page has already, else the one that is wished for, else the first free one."""
    if wish := os.environ.get("QUICKSTART_PORT"):
        return int(wish)
    label = [f"com.docker.compose.project={PROJECT}", "com.docker.compose.service=web"]
    for container in api.get("/containers/json", filters={"label": label}):
        for port in container["Ports"]:
            if port.get("PublicPort"):
                return int(port["PublicPort"])
    for number in PORTS:
        if _is_free(number):
            if number != PORTS[0]:
                say(f"port {PORTS[0]} is taken; using {number}")
            return number
    raise Problem(
        f"ports {PORTS[0]} to {PORTS[-1]} are all taken", "choose one: QUICKSTART_PORT=9000 ./scripts/quickstart"
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _environment(engine: found.Found) -> dict[str, str]:
    """Contexts and remote hosts are left to ``stack``, which reads them itself."""
    return {**os.environ, "DOCKER_HOST": engine.address} if engine.is_local else dict(os.environ)


def _stack(environment: dict[str, str], *words: str) -> int:
    sys.stdout.flush()
    return subprocess.run([venv.program("stack"), *words], cwd=ROOT, env=environment, check=False).returncode


def _page_address(engine: found.Found, environment: dict[str, str]) -> str:
    host = "127.0.0.1" if engine.is_local else re.sub(r"^\w+://(?:[^@/]*@)?([^:/]+).*", r"\1", engine.address)
    return f"http://{host}:{environment.get('QUICKSTART_PORT', PORTS[0])}/"


def _show_page(address: str) -> None:
    # The page is on this machine or on the engine's: a proxy for the internet has no business with it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=PAGE_SECONDS) as answer:
            page = answer.read().decode()
    except (URLError, OSError) as error:
        raise Problem(
            f"the page {address} does not answer: {error}",
            f"look at its logs: .venv/bin/stack logs -f {FILE} web",
        ) from error
    say(f"$ curl {address}")
    print(_as_text(page), flush=True)


def _as_text(page: str) -> str:
    body = re.sub(r"(?s)<style>.*?</style>|<title>.*?</title>", "", page)
    lines = (re.sub(r"<[^>]+>", "", line).strip() for line in body.splitlines())
    return "\n".join(f"    {line}" for line in lines if line)


def _say_how_to_go_on(engine: found.Found, environment: dict[str, str], address: str) -> None:
    say(f"\nIt runs: {address}\n\nTo go on:\n  . .venv/bin/activate")
    if engine.source == "private":
        say(f"  export DOCKER_HOST={engine.address}")
    if environment.get("QUICKSTART_PORT", str(PORTS[0])) != str(PORTS[0]):
        say(f"  export QUICKSTART_PORT={environment['QUICKSTART_PORT']}")
    for command, meaning in (
        (f"QUICKSTART_GREETING=Hello stack plan -f {FILE}", "what would change, and why"),
        (f"stack logs -f {FILE} web", "what the page's server says"),
        (f"stack down -f {FILE}", "stop it; the visits stay"),
        ("./scripts/quickstart", "and again"),
        ("./scripts/quickstart --remove", "take everything away"),
    ):
        say(f"  {command:68}# {meaning}")


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/quickstart", description="Set everything up and bring up examples/quickstart/app.yml."
    )
    parser.add_argument("--remove", action="store_true", help="take everything away again, the visits included")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
