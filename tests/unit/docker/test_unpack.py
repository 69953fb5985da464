"""Archives from containers may be hostile; nothing of theirs ever lands outside the folder they are unpacked into."""

from __future__ import annotations

import io
import os
import socket
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from orchestrator.engines.docker.archive import PackedFile, PackedFolder, PackedPath, pack
from orchestrator.engines.docker.unpack import Limits, unpack
from orchestrator.errors import EngineError

Change = Callable[[tarfile.TarInfo], None]


def entry(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def tar(*entries: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def torn(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside one that must stay untouched."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_text("alive")
    return tmp_path / "inside"


def outside(folder: Path) -> dict[str, str]:
    beside = folder.parent
    found = {str(path.relative_to(beside)): "" for path in beside.rglob("*") if folder not in (path, *path.parents)}
    return {name: (beside / name).read_text() for name in found if (beside / name).is_file()}


HOSTILE: dict[str, list[tuple[tarfile.TarInfo, bytes]]] = {
    "a name with two dots": [entry("../outside/canary", b"dead")],
    "two dots further in": [entry("a/../../outside/canary", b"dead")],
    "an absolute name": [entry("/tmp/../outside/canary", b"dead")],
    "a link up": [link("l", "../outside")],
    "an absolute link": [link("l", "/etc")],
    "a file through a link": [link("l", "../outside"), entry("l/canary", b"dead")],
    "a link behind a link": [link("d", "."), link("e", "d/../../outside"), entry("e/canary", b"dead")],
    "a deep chain": [
        entry("a/b/f", b""),
        link("a/b/s", "."),
        link("a/b/t", "s/../../../outside"),
        entry("a/b/t/canary"),
    ],
    "a hard link to the outside": [hard_link("l", "../outside/canary"), entry("l", b"dead")],
    "a hard link to an absolute name": [hard_link("l", "/etc/passwd")],
    "a hard link to what was not unpacked": [hard_link("l", "mine")],
    "a hard link to a link": [link("s", "x"), hard_link("l", "s")],
    "a file where a link is a folder": [entry("x", b""), link("s", "x"), entry("s/y", b"dead")],
    "a character device": [entry("dev", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a block device": [entry("dev", type=tarfile.BLKTYPE, devmajor=8)],
    "a pipe": [entry("pipe", type=tarfile.FIFOTYPE)],
    "an unknown type": [entry("odd", type=b"Z")],
    "a NUL in a name": [entry("x", pax_headers={"path": "a\0b"})],
    "a NUL in a link": [entry("x", type=tarfile.SYMTYPE, linkname="y", pax_headers={"linkpath": "a\0b"})],
    "a pax name with two dots": [entry("x", b"dead", pax_headers={"path": "../outside/canary"})],
    "a pax link that leads out": [
        entry("x", type=tarfile.SYMTYPE, linkname="y", pax_headers={"linkpath": "../../etc"})
    ],
    "a folder over a file": [entry("x", b""), entry("x/y", b"")],
    "a file over a folder": [entry("x", type=tarfile.DIRTYPE), entry("x", b"dead")],
    "a sparse file": [entry("x", b"", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})],
    "an owner that does not exist": [entry("x", b"", pax_headers={"uid": "-5"})],
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT], ids=["pax", "gnu"])
def test_what_does_not_belong_is_refused_and_nothing_outside_changes(
    folder: Path, hostile: list[tuple[tarfile.TarInfo, bytes]], form: int
) -> None:
    if form == tarfile.GNU_FORMAT and any(info.pax_headers for info, _ in hostile):
        form = tarfile.PAX_FORMAT
    (folder / "mine").write_text("mine")

    with pytest.raises(EngineError):
        unpack([tar(*hostile, form=form)], str(folder))

    assert {"outside/canary": "alive"} == outside(folder)
    assert "mine" == (folder / "mine").read_text()


@pytest.mark.parametrize("size", [1, 7, 512, 513, 100_000])
def test_an_ordinary_tree_comes_out_as_it_was_however_the_bytes_arrive(folder: Path, size: int) -> None:
    long = "n" * 150
    data = tar(
        entry("top", type=tarfile.DIRTYPE, mode=0o700, mtime=1_000_000),
        entry("top/file", b"x" * 1500, mode=0o640, mtime=2_000_000),
        entry(f"top/{long}/{long}", b"deep"),
        link("top/link", "file"),
        link("top/sub/up", "../file"),
        hard_link("top/same", "top/file"),
        entry("top/ünï", "content ü".encode()),
    )

    assert 7 == unpack(torn(data, size), str(folder))

    assert b"x" * 1500 == (folder / "top/file").read_bytes()
    assert 0o640 == (folder / "top/file").stat().st_mode & 0o7777
    assert 2_000_000 == (folder / "top/file").stat().st_mtime
    assert 1_000_000 == (folder / "top").stat().st_mtime
    assert b"deep" == (folder / "top" / long / long).read_bytes()
    assert "file" == os.readlink(folder / "top/link")
    assert b"x" * 1500 == (folder / "top/sub/up").read_bytes()
    assert (folder / "top/same").samefile(folder / "top/file")
    assert "content ü" == (folder / "top/ünï").read_text()


def test_gnu_long_names_are_understood(folder: Path) -> None:
    name, target = "d/" + "n" * 180, "t" * 180

    unpack([tar(entry(name, b"1"), link("l", target), form=tarfile.GNU_FORMAT)], str(folder))

    assert b"1" == (folder / name).read_bytes()
    assert target == os.readlink(folder / "l")


def test_the_topmost_name_can_be_another_one(folder: Path) -> None:
    data = tar(entry("app", type=tarfile.DIRTYPE), entry("app/a", b"1"), hard_link("app/b", "app/a"))

    unpack([data], str(folder), rename=("app", "copy"))

    assert ["a", "b"] == sorted(os.listdir(folder / "copy"))
    assert ["copy"] == os.listdir(folder)


def test_an_old_file_is_replaced_and_never_written_through(folder: Path) -> None:
    """A hard link of the user's shares its content with another file; that other file must keep it."""
    (folder / "kept").write_text("kept")
    os.link(folder / "kept", folder / "a")
    os.symlink("../outside/canary", folder / "b")

    unpack([tar(entry("a", b"new"), entry("b", b"new"))], str(folder))

    assert "kept" == (folder / "kept").read_text()
    assert {"outside/canary": "alive"} == outside(folder)
    assert ["new", "new"] == [(folder / name).read_text() for name in "ab"]


def test_a_folder_of_the_users_that_is_a_link_is_not_followed(folder: Path) -> None:
    os.symlink("../outside", folder / "sub")

    with pytest.raises(EngineError, match="no folder"):
        unpack([tar(entry("sub/canary", b"dead"))], str(folder))

    assert {"outside/canary": "alive"} == outside(folder)


def test_links_that_lead_out_can_be_left_out_and_told(folder: Path) -> None:
    told: list[str] = []

    made = unpack(
        [tar(link("zone", "/usr/share/zone"), entry("file", b"1"))],
        str(folder),
        on_skipped_link=lambda name, why: told.append(f"{name}: {why}"),
    )

    assert 1 == made
    assert ["zone: it is a link that leads out: '/usr/share/zone'"] == told
    assert ["file"] == os.listdir(folder)


def test_a_read_only_folder_can_still_be_filled(folder: Path) -> None:
    unpack([tar(entry("ro", type=tarfile.DIRTYPE, mode=0o555), entry("ro/file", b"1"))], str(folder))

    assert 0o555 == (folder / "ro").stat().st_mode & 0o777


def test_set_user_id_bits_are_dropped(folder: Path) -> None:
    unpack([tar(entry("sh", b"1", mode=0o6755))], str(folder))

    assert 0o755 == (folder / "sh").stat().st_mode & 0o7777


@pytest.mark.parametrize("limits", [Limits(entries=2), Limits(content=10)])
def test_an_archive_larger_than_allowed_is_refused(folder: Path, limits: Limits) -> None:
    with pytest.raises(EngineError, match="more than"):
        unpack([tar(*(entry(str(number), b"12345") for number in range(3)))], str(folder), limits=limits)


def _shortened(data: bytes) -> Iterable[bytes]:
    return [data[:700]]


def _with_broken_checksum(data: bytes) -> Iterable[bytes]:
    return [b"X" + data[1:]]


def _with_endless_header(_: bytes) -> Iterable[bytes]:
    huge = tarfile.TarInfo("x")
    huge.type, huge.size = b"x", 1 << 40
    return [huge.tobuf(tarfile.GNU_FORMAT), b"\0" * 4096]


@pytest.mark.parametrize("damage", [_shortened, _with_broken_checksum, _with_endless_header])
def test_damaged_archives_are_refused_with_words(folder: Path, damage: Callable[[bytes], Iterable[bytes]]) -> None:
    with pytest.raises(EngineError, match="cannot be read"):
        unpack(damage(tar(entry("x", b"content"))), str(folder))


def test_what_is_packed_for_a_container_comes_out_with_owner_and_mode(folder: Path) -> None:
    files = [PackedFile("run/secrets/key", b"s3cret", mode=0o400, uid=1000, gid=70_000), PackedFile("etc/x", b"")]

    unpack(pack(files), str(folder), keep_owners=True)

    found = (folder / "run/secrets/key").stat()
    assert (0o400, 1000, 70_000) == (found.st_mode & 0o7777, found.st_uid, found.st_gid)
    assert b"s3cret" == (folder / "run/secrets/key").read_bytes()
    assert "s3cret" not in repr(files)


def test_a_folder_is_packed_as_it_is(folder: Path, tmp_path: Path) -> None:
    """Links stay links, a socket is left out, and a file that grows while it is read does no harm."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "script").write_bytes(b"x" * 2_000_000)
    (source / "deep" / "script").chmod(0o750)
    (source / "again").hardlink_to(source / "deep" / "script")
    (source / "link").symlink_to("deep/script")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        unpack(pack([PackedFolder("", 0o700), PackedPath("0", str(source))]), str(folder))

    assert ["again", "deep", "link"] == sorted(os.listdir(folder / "0"))
    assert "deep/script" == os.readlink(folder / "0" / "link")
    for name in ("deep/script", "again"):
        assert (source / "deep" / "script").read_bytes() == (folder / "0" / name).read_bytes()
        assert 0o750 == (folder / "0" / name).stat().st_mode & 0o7777


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be read") as refused:
        b"".join(pack([PackedPath("0", str(tmp_path / "gone"))]))

    assert refused.value.where is not None
    assert refused.value.where.file.endswith("/gone")
