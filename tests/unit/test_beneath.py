"""What is opened below a folder lies in that folder at that moment, whatever links say and whoever swaps them."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.beneath import Beneath, Outside
from tests.support import canary
from tests.support.canary import WORD, Watch


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "a/b").mkdir(parents=True)
    (made / "file").write_text("inside")
    (made / "a/b/deep").write_text("deep")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text(WORD)
    (tmp_path / "root-beside").write_text(WORD)
    return made


@pytest.fixture
def watch(root: Path) -> Iterator[Watch]:
    with canary.watched(root.parent / "outside/canary", root.parent / "root-beside") as watch:
        yield watch


def link(root: Path, name: str, to: str) -> str:
    (root / name).symlink_to(to)
    return name


def bound(root: Path) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        here = os.open(root, os.O_PATH)
        one.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    return "socket"


def device(root: Path) -> str:
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    return "null"


def fifo(root: Path) -> str:
    os.mkfifo(root / "pipe")
    return "pipe"


def hard(root: Path, name: str = "hard") -> str:
    os.link(root.parent / "root-beside", root / name)
    return name


def chain(root: Path, length: int, end: str) -> str:
    for number in range(length):
        link(root, f"c{number}", f"c{number + 1}" if number + 1 < length else end)
    return "c0"


Made = Callable[[Path], str]
REFUSED: dict[str, Made] = {
    "absolute": lambda root: str(root.parent / "outside/canary"),
    "absolute, of the system": lambda root: "/etc/passwd",
    "the root of the system": lambda root: "/",
    "dots": lambda root: "../outside/canary",
    "dots after a folder": lambda root: "a/../../outside/canary",
    "dots after what is not there": lambda root: "none/../../outside/canary",
    "many dots": lambda root: "../" * 60 + "etc/passwd",
    "a name that begins like the folder's": lambda root: "../root-beside",
    "the folder above": lambda root: "..",
    "/proc/self/root": lambda root: f"/proc/self/root{root}/file",
    "/proc/self/cwd": lambda root: "/proc/self/cwd/file",
    "/dev/stdin": lambda root: "/dev/stdin",
    "/dev/fd": lambda root: "/dev/fd/0",
    "NUL": lambda root: "file\0",
    "link to an absolute path": lambda root: link(root, "x", str(root.parent / "outside/canary")),
    "link to itself by an absolute path": lambda root: link(root, "x", str(root / "file")),
    "link to dots": lambda root: link(root, "x", "../outside/canary"),
    "link to dots below": lambda root: link(root, "a/b/x", "../../../outside/canary"),
    "link to /proc/self/root": lambda root: link(root, "x", "/proc/self/root/etc/passwd"),
    "link to /proc/self/cwd": lambda root: link(root, "x", "/proc/self/cwd"),
    "link to /dev/zero": lambda root: link(root, "x", "/dev/zero"),
    "link to /": lambda root: link(root, "x", "/") + "/etc/passwd",
    "link to //": lambda root: link(root, "x", "//etc/passwd"),
    "link to a folder": lambda root: link(root, "x", "../outside") + "/canary",
    "link to a folder, with a slash": lambda root: link(root, "x", "../outside/") + "/canary",
    "link to the folder above": lambda root: link(root, "x", "..") + "/outside/canary",
    "link to the folder above through a folder": lambda root: link(root, "x", "a/../..") + "/outside/canary",
    "link through a link": lambda root: link(root, "y", "a/b") and link(root, "x", "y/../../../outside/canary"),
    "words lead in, links lead out": lambda root: link(root, "up", ".") and link(root, "x", "up/../outside/canary"),
    "out and in again": lambda root: link(root, "x", "../root/file"),
    "out and in again, through a folder": lambda root: link(root, "x", "../root") + "/file",
    "chain of 3": lambda root: chain(root, 3, "../outside/canary"),
    "chain of 30": lambda root: chain(root, 30, "../outside/canary"),
    "chain to an absolute path": lambda root: chain(root, 5, "/etc/passwd"),
    "folder by link, then dots by link": lambda root: (
        link(root, "a/back", "../..") and link(root, "x", "a/back/outside/canary")
    ),
    "dots hidden in slashes": lambda root: link(root, "x", ".//..///outside//canary"),
    "dots after a file": lambda root: link(root, "x", "./../outside/canary"),
    "pipe": fifo,
    "link to a pipe": lambda root: link(root, "x", fifo(root)),
    "socket": bound,
    "device": device,
    "link to a device": lambda root: link(root, "x", device(root)),
    "hard link": hard,
    "link to a hard link": lambda root: link(root, "x", hard(root)),
    "hard link below": lambda root: hard(root, "a/b/hard"),
}
NOT_READ: dict[str, Made] = {
    "nothing": lambda root: "none",
    "nothing below a file": lambda root: "file/x",
    "nothing below a link to a file": lambda root: link(root, "x", "file") + "/y",
    "a folder": lambda root: "a",
    "the folder itself": lambda root: ".",
    "dangling link": lambda root: link(root, "x", "none"),
    "circle of one": lambda root: link(root, "x", "x"),
    "circle of two": lambda root: link(root, "x", "y") and link(root, "y", "x"),
    "more links than are followed": lambda root: chain(root, 41, "file"),
    "link that grows": lambda root: link(root, "x", "x/x"),
}
READ: dict[str, Made] = {
    "file": lambda root: "file",
    "file below": lambda root: "a/b/deep",
    "cleaned path": lambda root: "./a//b/./deep",
    "dots inside": lambda root: "a/b/../../file",
    "link": lambda root: link(root, "x", "file"),
    "link to dots inside": lambda root: link(root, "a/b/x", "../../file"),
    "link to a folder": lambda root: link(root, "x", "a/b") + "/deep",
    "link to the folder itself": lambda root: link(root, "x", ".") + "/file",
    "chain of 40": lambda root: chain(root, 40, "file"),
    "name with dots": lambda root: (root / "..x").write_text("inside") and "..x",
    "name with a line break": lambda root: (root / "a\nb").write_text("inside") and "a\nb",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_leads_out_is_refused_and_named(root: Path, watch: Watch, case: str) -> None:
    path = os.path.join(root, REFUSED[case](root))
    with pytest.raises(Outside) as caught:
        Beneath(str(root)).read(path, 100)

    assert os.path.basename(path).split("\0")[0] in caught.value.message
    assert WORD not in str(caught.value)
    assert watch.touched() == 0


@pytest.mark.parametrize("case", NOT_READ)
def test_what_is_no_file_is_the_error_that_open_gives(root: Path, watch: Watch, case: str) -> None:
    path = os.path.join(root, NOT_READ[case](root))
    with pytest.raises(OSError) as caught:
        open(path, "rb").close()
    with pytest.raises(OSError) as ours:
        Beneath(str(root)).read(path, 100)

    assert caught.value.errno == ours.value.errno
    assert watch.touched() == 0


@pytest.mark.parametrize("case", READ)
def test_links_that_stay_inside_are_followed(root: Path, case: str) -> None:
    path = os.path.join(root, READ[case](root))

    assert Path(path).read_bytes() == Beneath(str(root)).read(path, 100)
    assert stat.S_IFREG == Beneath(str(root)).kind(path)


def test_a_descriptor_will_do_where_the_path_cannot_be_reached(root: Path) -> None:
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY)
    moved = root.rename(root.with_name("moved"))
    try:
        assert Beneath(str(root), descriptor).read(str(root / "a/b/deep"), 100) == b"deep"
        (moved / "out").symlink_to("../outside/canary")
        with pytest.raises(Outside):
            Beneath(str(root), descriptor).read(str(root / "out"), 100)
    finally:
        os.close(descriptor)


def test_no_descriptor_stays_open(root: Path) -> None:
    link(root, "x", "../outside/canary")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("file", "a/b/deep", "none", "x", "a", "file/x"):
        try:
            Beneath(str(root)).read(str(root / name), 100)
        except (OSError, Outside):
            pass

    assert before == len(os.listdir("/proc/self/fd"))


def _swaps(root: Path, tricks: tuple[Callable[[Path], None], ...], count: int, ended: threading.Event) -> None:
    """Put one thing after the other where ``swapped`` is, each in one go."""
    fresh = root / ".fresh"
    for number in range(count):
        tricks[number % len(tricks)](fresh)
        os.rename(fresh, root / "swapped")
    ended.set()


def _race(root: Path, watch: Watch, swaps: int, *, below: bool) -> None:
    """Read while somebody swaps a file (or the folder above it) and a link out, again and again."""
    if below:
        target = "swapped/canary"
        (root / "good").mkdir()
        (root / "good/canary").write_text("inside")
        tricks = (lambda new: new.symlink_to("good"), lambda new: new.symlink_to("../outside"))
    else:
        target = "swapped"
        tricks = (lambda new: new.write_text("inside") and None, lambda new: new.symlink_to("../outside/canary"))
    tricks[0](root / "swapped")
    ended = threading.Event()
    thread = threading.Thread(target=_swaps, args=(root, tricks, swaps, ended))
    beneath, read, refused = Beneath(str(root)), 0, 0
    thread.start()
    while not ended.is_set() or not read or not refused:
        try:
            assert beneath.read(str(root / target), 100) in (b"inside", b"")
            read += 1
        except Outside:
            refused += 1
        if ended.is_set():  # the rest is for both to have happened
            tricks[read > 0](root / ".last")
            os.rename(root / ".last", root / "swapped")
    thread.join()
    assert watch.touched() == 0


@pytest.mark.parametrize("below", [False, True], ids=["a file", "a folder on the way"])
def test_a_link_swapped_in_between_looking_and_opening_gets_nothing_read(root: Path, watch: Watch, below: bool) -> None:
    _race(root, watch, 300, below=below)


@pytest.mark.long
@pytest.mark.parametrize("below", [False, True], ids=["a file", "a folder on the way"])
def test_nor_do_ten_thousand_swaps(root: Path, watch: Watch, below: bool) -> None:
    _race(root, watch, 10_000, below=below)


def test_what_is_refused_leaves_no_folder_open(root: Path) -> None:
    """Who names files of the host often enough would have all descriptors of a process that runs for years."""
    (root / "out").symlink_to("../outside")
    before = len(os.listdir("/proc/self/fd"))
    for path in (root / "../outside/canary", Path("/etc/passwd"), root / "out/canary", root / "not there/file"):
        with pytest.raises((Outside, FileNotFoundError)):
            Beneath(str(root)).read(str(path), 10)

    assert before == len(os.listdir("/proc/self/fd"))


def test_the_canary_sings_for_who_looks_first_and_opens_then(root: Path, watch: Watch) -> None:
    (root / "swapped").symlink_to("../outside/canary")
    (root / "swapped").read_bytes()

    assert watch.touched() > 0
