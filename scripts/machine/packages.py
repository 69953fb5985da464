"""Debian and Ubuntu packages: installed only when a program they bring is missing, and without starting any service.

apt starts what it installs. A private daemon must not find the packaged one already running on a machine that had none,
so for the time of the installation a ``policy-rc.d`` forbids it (unless the machine has one of its own).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .commands import Problem, as_root, run, say

POLICY = Path("/usr/sbin/policy-rc.d")
FORBID = b"#!/bin/sh\n# Temporary: nothing is to be started by this installation.\nexit 101\n"
SEARCH = os.defpath + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin"

ENGINE = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2", "busybox": "busybox-static"}
REGISTRY = {"docker-registry": "docker-registry"}
BROWSER = {"chromium": "chromium", "chromedriver": "chromium-driver"}
SECRETS = {"age": "age", "gpg": "gnupg"}
CLOCK = {"faketime": "faketime"}
GIT = {"git": "git", "sshd": "openssh-server", "ssh": "openssh-client", "git-lfs": "git-lfs", "openssl": "openssl"}


def have(programs: Mapping[str, str]) -> None:
    """Make sure that each program is on this machine; the values are the packages that bring them."""
    missing = sorted({package for program, package in programs.items() if not _installed(program)})
    if missing:
        install(missing)


def faketime() -> Path:
    """The library that gives a program a clock of its own; installed if it is not there."""
    have(CLOCK)
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        raise Problem("the package faketime has brought no libfaketimeMT.so.1", "look for it: dpkg -L libfaketime")
    return found[0]


def path_of(program: str) -> str:
    """Where a program of ``have`` is, also where only root looks."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SEARCH}")
    if found is None:
        raise Problem(f"there is no {program}", "install the package that brings it")
    return found


def install(packages: list[str]) -> None:
    if shutil.which("apt-get") is None:
        raise Problem(
            f"this machine lacks {', '.join(packages)}, and has no apt-get to install it",
            "install Docker Engine your system's way and start it, then run this again",
        )
    say(f"installing {', '.join(packages)} with apt-get ...")
    with _no_service_starts():
        try:
            _apt_install(packages)
        except Problem:
            # Lists that were never fetched, or name versions the mirror has dropped since.
            _apt("update", hint="is there a network? apt-get update must work")
            _apt_install(packages)


def _apt_install(packages: list[str]) -> None:
    _apt("install", "--yes", "--no-install-recommends", *packages, hint="try the same apt-get command by hand")


def _apt(*words: str, hint: str) -> None:
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *words]
    run(as_root(command), hint=hint)


def _installed(program: str) -> bool:
    """A static busybox is asked for: the small one of an initramfs cannot run in an empty image."""
    if program == "busybox":
        return Path("/usr/share/doc/busybox-static").exists() and Path("/bin/busybox").exists()
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SEARCH}") is not None


@contextmanager
def _no_service_starts() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    run(as_root(["tee", str(POLICY)]), feed=FORBID)
    run(as_root(["chmod", "755", str(POLICY)]))
    try:
        yield
    finally:
        run(as_root(["rm", "-f", str(POLICY)]))
