"""The ``busybox`` base image on an engine: kept when present, pulled where a registry answers, else made from Debian's
``busybox-static``.

The made one is a real busybox: the static program, and a link for each of its applets (sh, httpd, wget, nc, ping, ...).
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from .commands import Problem, run
from .engine_api import EngineApi, EngineRefused

TAGS = ("stable", "latest")
PROGRAM = Path("/bin/busybox")


def has(api: EngineApi, reference: str) -> bool:
    try:
        api.get(f"/images/{reference}/json")
    except EngineRefused as refusal:
        if refusal.status == 404:
            return False
        raise
    return True


def import_busybox(api: EngineApi) -> None:
    """Import the base as busybox:stable and busybox:latest, where they are missing."""
    missing = [tag for tag in TAGS if not has(api, f"busybox:{tag}")]
    if not missing:
        return
    query = {"fromSrc": "-", "repo": "busybox", "tag": missing[0], "changes": 'CMD ["sh"]'}
    api.request("POST", "/images/create", query, body=busybox_root(), content_type="application/x-tar")
    for tag in missing[1:]:
        api.post(f"/images/busybox:{missing[0]}/tag", repo="busybox", tag=tag)


def pull(api: EngineApi, repository: str, tag: str) -> bool:
    """Whether the image could be pulled. The engine reports a failed pull inside its stream, so look afterwards."""
    try:
        api.request("POST", "/images/create", {"fromImage": repository, "tag": tag})
    except (EngineRefused, OSError):
        return False
    return has(api, f"{repository}:{tag}")


def busybox_root(program: Path = PROGRAM) -> bytes:
    """A tar of a root folder: busybox, its links, and the few files programs expect."""
    applets = _applets(program)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("var", 0o755)):
            archive.addfile(_entry(folder, tarfile.DIRTYPE, mode))
        _add(archive, "bin/busybox", program.read_bytes(), 0o755)
        _add(
            archive,
            "etc/passwd",
            b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/false\n",
            0o644,
        )
        _add(archive, "etc/group", b"root:x:0:\nnobody:x:65534:\n", 0o644)
        for applet in applets:
            link = _entry(f"bin/{applet}", tarfile.SYMTYPE, 0o777)
            link.linkname = "busybox"
            archive.addfile(link)
    return out.getvalue()


def _applets(program: Path) -> list[str]:
    if not program.exists():
        raise Problem(f"{program} is not there", "apt-get install busybox-static")
    listed = run([str(program), "--list"]).split()
    return [applet for applet in listed if applet != "busybox"]


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """Times stay zero, so that the same busybox always gives the same layer."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = mode
    return entry


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = _entry(name, tarfile.REGTYPE, mode)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
