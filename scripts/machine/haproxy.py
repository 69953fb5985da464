"""The ``haproxy`` image that front ends are made from by default: kept when present, pulled where a registry answers, else
made from Debian's ``haproxy`` on the busybox base, with the libraries it needs.
"""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

from . import packages
from .commands import Problem, run
from .engine_api import EngineApi
from .images import busybox_root, has, pull

REPOSITORY, TAG = "haproxy", "lts-alpine"
PROGRAM = Path("/usr/sbin/haproxy")
PACKAGE = {"haproxy": "haproxy"}


def import_haproxy(api: EngineApi) -> None:
    """Import the image under its public name, where it is missing."""
    if has(api, f"{REPOSITORY}:{TAG}") or pull(api, REPOSITORY, TAG):
        return
    packages.have(PACKAGE)
    query = {"fromSrc": "-", "repo": REPOSITORY, "tag": TAG, "changes": "USER 99"}
    api.request("POST", "/images/create", query, body=haproxy_root(), content_type="application/x-tar")


def haproxy_root(program: Path = PROGRAM) -> bytes:
    """A tar of a root folder: the busybox base, the program, and every library that its loader names."""
    if not program.exists():
        raise Problem(f"{program} is not there", "apt-get install haproxy")
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(busybox_root())) as base, tarfile.open(fileobj=out, mode="w") as archive:
        for entry in base:
            archive.addfile(entry, base.extractfile(entry) if entry.isfile() else None)
        for path in (program, *_libraries(program)):
            _add(archive, path)
    return out.getvalue()


def _libraries(program: Path) -> list[Path]:
    listed = run(["ldd", str(program)])
    return [Path(found) for found in re.findall(r"(?:=> |^\s*)(/\S+)", listed, flags=re.MULTILINE)]


def _add(archive: tarfile.TarFile, path: Path) -> None:
    content = path.resolve().read_bytes()
    entry = tarfile.TarInfo(str(path).lstrip("/"))
    entry.size, entry.mode = len(content), 0o755
    archive.addfile(entry, io.BytesIO(content))
