"""The checkout's virtual environment ``.venv`` with the package in it, made once and refreshed when packaging changes.

Debian and Ubuntu ship Python without ``venv``; where it is missing, its package is installed. pip runs as configured on
this machine. The install is editable, so that what runs is the checkout.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import packages
from .commands import ROOT, Problem, say, succeeds

FOLDER = ROOT / ".venv"


def ensure(extra: str = "") -> Path:
    """The environment's folder; ``extra`` is an optional dependency group such as "dev"."""
    if not succeeds([str(FOLDER / "bin/python"), "-m", "pip", "--version"]):
        _create()
    wanted = _fingerprint()
    # What was installed with an extra is installed without it too.
    stamps = FOLDER.glob(f".installed-{extra or '*'}")
    if wanted not in [stamp.read_text(encoding="ascii") for stamp in stamps]:
        _install(extra)
        (FOLDER / f".installed-{extra or 'plain'}").write_text(wanted, encoding="ascii")
    return FOLDER


def program(name: str) -> str:
    return str(FOLDER / "bin" / name)


def _create() -> None:
    say(f"making the virtual environment {FOLDER} ...")
    if _make():
        return
    # The package is named after the interpreter's version on Debian; python3-venv follows the default one.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    try:
        packages.install([version])
    except Problem:
        packages.install(["python3-venv"])
    if not _make():
        raise Problem(
            f"`{sys.executable} -m venv {FOLDER}` fails",
            "install the venv module of this Python (Debian and Ubuntu: python3-venv)",
        )


def _make() -> bool:
    shutil.rmtree(FOLDER, ignore_errors=True)
    return succeeds([sys.executable, "-m", "venv", str(FOLDER)]) and succeeds(
        [program("python"), "-m", "pip", "--version"]
    )


def _install(extra: str) -> None:
    say("installing the package into it ...")
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    command = [program("python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "-e", target]
    # pip's own words go through: it knows best whether it was the network, a proxy or a missing version.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    if subprocess.run(command, env=environment, check=False, stdout=sys.stderr).returncode != 0:
        raise Problem(
            "pip could not install the package and what it needs", "is there a network? pip's message is above"
        )


def _fingerprint() -> str:
    """What the environment depends on: packaging, the interpreter, and where the checkout lies."""
    parts = [(ROOT / "pyproject.toml").read_bytes(), sys.version.encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
