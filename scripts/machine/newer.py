"""A newer engine, compose and buildx beside the machine's own: packages of a newer suite, unpacked and never installed.

The mirror is the one this machine's apt already uses. Go programs need little of the machine they run on; runc is the
exception and stays the machine's own. What comes out is a folder whose ``usr/sbin`` and ``usr/bin`` go first in PATH.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .commands import Problem, run, say

SOURCES = Path("/etc/apt")
PLUGINS = Path("usr/libexec/docker/cli-plugins")


@dataclass(frozen=True, slots=True)
class Suite:
    """Where a distribution keeps its newest packages, and what they are called there."""

    name: str
    packages: tuple[str, ...]
    keyring: str


_DEBIAN = ("docker.io", "docker-cli", "containerd", "docker-buildx", "docker-compose")
_UBUNTU = ("docker.io", "containerd", "docker-buildx", "docker-compose-v2")
SUITES = {
    "debian": tuple(Suite(name, _DEBIAN, "debian-archive-keyring") for name in ("sid", "trixie")),
    "ubuntu": (Suite("devel", _UBUNTU, "ubuntu-archive-keyring"),),
}


def unpack(folder: Path) -> Path:
    """Unpack the newest suite that works into ``folder``, or keep what is there; returns the folder."""
    if (folder / "usr/sbin/dockerd").exists() and (folder / PLUGINS / "docker-compose").exists():
        return folder
    problems = []
    for suite in SUITES.get(_distribution(), ()):
        say(f"unpacking a newer engine from {suite.name} into {folder} ...")
        try:
            _unpack_suite(suite, folder)
        except Problem as problem:
            problems.append(f"{suite.name}: {problem.message}")
        else:
            return folder
    raise Problem("no newer engine could be unpacked:\n" + "\n".join(problems), "apt's mirror must offer a newer suite")


def plugin_folder(folder: Path) -> Path:
    """Where compose and buildx lie, for ``cliPluginsExtraDirs`` of a client configuration."""
    return folder / PLUGINS


def _unpack_suite(suite: Suite, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="stack-newer-") as name:
        state = Path(name)
        for needed in ("lists/partial", "cache/archives/partial", "debs"):
            (state / needed).mkdir(parents=True)
        (state / "sources.list").write_text(_source_line(suite), encoding="utf-8")
        apt = ["apt-get", "-qq", *_own_folders(state)]
        run([*apt, "update"])
        run([*apt, "download", *(f"{package}/{suite.name}" for package in suite.packages)], cwd=state / "debs")
        fresh = folder.with_name(folder.name + ".part")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for package in sorted((state / "debs").glob("*.deb")):
            run(["dpkg", "-x", str(package), str(fresh)])
        # Complete or absent: a run that was interrupted must not leave half an engine that looks whole.
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def _own_folders(state: Path) -> list[str]:
    options: Mapping[str, object] = {
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": state / "lists",
        "Dir::Cache": state / "cache",
        # apt's own user may not enter a temporary folder of ours.
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
    }
    return [f"-o{key}={value}" for key, value in options.items() if value]


def _source_line(suite: Suite) -> str:
    sections = "main universe" if suite.keyring.startswith("ubuntu") else "main"
    return f"deb [signed-by=/usr/share/keyrings/{suite.keyring}.gpg] {_mirror()} {suite.name} {sections}\n"


def _mirror() -> str:
    """The first mirror apt uses for the distribution itself, in either of the two formats of its sources."""
    for path in sorted(SOURCES.glob("sources.list.d/*.sources")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("URIs:") and _is_distribution(line):
                return line.split()[1]
    for path in (SOURCES / "sources.list", *sorted(SOURCES.glob("sources.list.d/*.list"))):
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            words = [word for word in line.split() if not word.startswith("[") and not word.endswith("]")]
            if words[:1] == ["deb"] and _is_distribution(words[1]):
                return words[1]
    raise Problem("apt's sources name no mirror of the distribution", "look into /etc/apt/sources.list.d")


def _is_distribution(text: str) -> bool:
    return f"/{_distribution()}" in text and "security" not in text


def _distribution() -> str:
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("ID="):
            return line.removeprefix("ID=").strip('"')
    return ""
