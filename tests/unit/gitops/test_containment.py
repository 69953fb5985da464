"""Every way in which a spec names a file, and every way out of a repository: refused with the line, and nothing outside is opened."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.gitops import loading
from orchestrator.model.stack import Stack
from orchestrator.records import replace
from orchestrator.spec.load import LoadRequest, load_canonical
from tests.support import canary
from tests.support.canary import WORD, Watch

COMMIT = "0123456789ab" + "0" * 28
ENV, SPEC, PROFILE = f"WORD={WORD}\n", f"services: {{base: {{image: '{WORD.lower()}:1'}}}}\n", '{"defaultAction": "x"}'
DOCKERFILE = f"FROM {WORD.lower()}\n"
Trick = Callable[[Path, Path], str]

# How a spec names a file (PATH), and what such a file holds.
REFERENCES: dict[str, tuple[str, str]] = {
    "env_file": ("services: {web: {image: x, env_file: PATH}}", ENV),
    "env_file, raw": ("services: {web: {image: x, env_file: [{path: PATH, format: raw}]}}", ENV),
    "env_file, not required": ("services: {web: {image: x, env_file: [{path: PATH, required: false}]}}", ENV),
    "env_file by a variable": ("services: {web: {image: x, env_file: '${NONE:-PATH}'}}", ENV),
    "label_file": ("services: {web: {image: x, label_file: PATH}}", ENV),
    "config": ("services: {web: {image: x, configs: [c]}}\nconfigs: {c: {file: PATH}}", ENV),
    "secret": ("services: {web: {image: x, secrets: [s]}}\nsecrets: {s: {file: PATH}}", ENV),
    "secret with a mode": (
        "services: {web: {image: x, secrets: [{source: s, mode: 0400}]}}\nsecrets: {s: {file: PATH}}",
        ENV,
    ),
    "secret in memory": (
        "x-stack: {secrets: tmpfs}\nservices: {web: {image: x, secrets: [s]}}\nsecrets: {s: {file: PATH}}",
        ENV,
    ),
    "include": ("include: [PATH]\nservices: {web: {image: x}}", SPEC),
    "include, one of several": ("include: [{path: [ok.yml, PATH]}]\nservices: {web: {image: x}}", SPEC),
    "include's env file": ("include: [{path: ok.yml, env_file: PATH}]\nservices: {web: {image: x}}", ENV),
    "extends": ("services: {web: {extends: {file: PATH, service: base}}}", SPEC),
    "extends in an include": ("include: [within.yml]\nservices: {web: {image: x}}", SPEC),
    "seccomp": ("services: {web: {image: x, security_opt: ['seccomp:PATH']}}", PROFILE),
    "dockerfile": ("services: {web: {build: {context: ., dockerfile: PATH}}}", DOCKERFILE),
    "build secret": (
        "services: {web: {build: {context: ., dockerfile_inline: FROM x, secrets: [s]}}}\nsecrets: {s: {file: PATH}}",
        ENV,
    ),
    "mount": ("services: {web: {image: x, volumes: ['./PATH:/x:ro']}}", ENV),
    "mount, long": ("services: {web: {image: x, volumes: [{type: bind, source: ./PATH, target: /x}]}}", ENV),
    "watch": (
        "services: {web: {build: {context: ., dockerfile_inline: FROM x}, develop: {watch: [{path: PATH, action: rebuild}]}}}",
        ENV,
    ),
}
FOLDERS: dict[str, str] = {
    "build": "services: {web: {build: PATH}}",
    "build context": "services: {web: {build: {context: PATH, dockerfile_inline: FROM x}}}",
    "additional context": (
        "services: {web: {build: {context: ., dockerfile_inline: FROM x, additional_contexts: {a: PATH}}}}"
    ),
    "layout": (
        "services: {web: {build: {context: ., dockerfile_inline: FROM x,"
        " additional_contexts: {a: 'oci-layout://PLACE/shop/PATH'}}}}"
    ),
    "mounted folder": "services: {web: {image: x, volumes: ['./PATH:/x']}}",
    "volume that is one": (
        "services: {web: {image: x, volumes: ['data:/x']}}\n"
        "volumes: {data: {driver: local, driver_opts: {type: none, o: bind, device: ./PATH}}}"
    ),
    "include of a folder's file": "include: [PATH/app.yml]\nservices: {web: {image: x}}",
}


def link(shop: Path, to: object, name: str = "named") -> str:
    (shop / name).symlink_to(str(to))
    return name


def made(shop: Path, make: Callable[[Path], None]) -> str:
    make(shop / "named")
    return "named"


TRICKS: dict[str, Trick] = {
    "absolute path": lambda shop, out: str(out),
    "dots": lambda shop, out: os.path.relpath(out, shop),
    "/proc/self/root": lambda shop, out: f"/proc/self/root{out}",
    "link": link,
    "link of dots": lambda shop, out: link(shop, os.path.relpath(out, shop)),
    "chain of links": lambda shop, out: link(shop, link(shop, link(shop, out, "b"), "a")),
    "folder by a link": lambda shop, out: f"{link(shop, out.parent)}/{out.name}",
    "link to /proc/self/root": lambda shop, out: link(shop, f"/proc/self/root{out}"),
    "pipe": lambda shop, out: made(shop, os.mkfifo),
    "device": lambda shop, out: made(shop, lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))),
    "hard link": lambda shop, out: made(shop, lambda path: os.link(out, path)),
}
OF_THE_HOST = {"absolute path", "dots", "/proc/self/root"}  # what a mount says so is judged by admission
NO_FOLDER = {"pipe", "device", "hard link"}
CASES = [
    (reference, trick)
    for reference in REFERENCES
    for trick in TRICKS
    if not (reference.startswith("mount") and trick in OF_THE_HOST)
    and not (reference == "seccomp" and trick in ("absolute path", "/proc/self/root"))  # the engine reads no paths
] + [
    (reference, trick)
    for reference in FOLDERS
    for trick in TRICKS
    if trick not in NO_FOLDER
    and not (reference in ("mounted folder", "volume that is one", "layout") and trick in OF_THE_HOST)
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shop = tmp_path / "checkouts" / COMMIT / "shop"
    shop.mkdir(parents=True)
    (shop / "ok.yml").write_text("services: {ok: {image: ok}}")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/app.yml").write_text(SPEC)
    (tmp_path / "outside/Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "outside/canary").write_text(ENV)
    return shop.parent


@pytest.fixture
def watch(place: Path) -> Iterator[Watch]:
    with canary.watched(*(place.parents[1] / "outside").iterdir()) as watch:
        yield watch


def prepared(place: Path, reference: str, trick: str) -> LoadRequest:
    shop, outside = place / "shop", place.parents[1] / "outside"
    text, content = REFERENCES.get(reference) or (FOLDERS[reference], "")
    if content:
        (outside / "canary").write_text(content)
    path = TRICKS[trick](shop, outside / "canary" if content else outside)
    text = text.replace("PATH", path).replace("PLACE", str(place))
    (shop / "within.yml").write_text(f"services: {{ok: {{extends: {{file: {path}, service: base}}}}}}")
    return spec(place, text)


def spec(place: Path, text: str, file: str = "app.yml") -> LoadRequest:
    (place / "shop/app.yml").write_text(text)
    return LoadRequest(
        files=(str(place / "shop" / file),),
        current_directory=str(place / "shop"),
        project_name="shop",
        disk=loading.files_below(str(place)),
    )


def loaded_here(asked: LoadRequest, place: Path) -> Stack:
    """By the same readers as in the process that reads, but within this one."""
    found = load_canonical(asked)
    return loading.stack(found, key=b"k", disk=loading.files_of(found, str(place)))


def loaded_there(asked: LoadRequest, place: Path) -> Stack:
    found = loading.canonical(asked, place=str(place), commit=COMMIT)
    return loading.stack(found, key=b"k", disk=loading.files_of(found, str(place)))


def test_there_are_many() -> None:
    assert len(CASES) >= 200


def refused(load: Callable[[LoadRequest, Path], Stack], place: Path, watch: Watch, asked: LoadRequest) -> SpecError:
    watch.touched()  # writing them was us
    with pytest.raises(SpecError) as caught:
        load(asked, place)
    assert watch.touched() == 0
    assert WORD.lower() not in str(caught.value).lower()
    assert caught.value.ref == "outside-repository" or "security_opt" in str(caught.value.where), str(caught.value)
    return caught.value


@pytest.mark.parametrize(("reference", "trick"), CASES, ids=[f"{one}: {other}" for one, other in CASES])
def test_a_way_out_is_refused_with_its_line(place: Path, watch: Watch, reference: str, trick: str) -> None:
    error = refused(loaded_here, place, watch, prepared(place, reference, trick))

    assert error.where is not None
    assert error.where.file in ("app.yml", "within.yml")
    assert error.where.line >= 1


@pytest.mark.parametrize("name", [".dockerignore", "own/File.dockerignore"])
def test_an_ignore_file_that_leads_out_is_refused(place: Path, watch: Watch, name: str) -> None:
    (place / "shop/own").mkdir()
    (place / "shop/own/File").write_text("FROM x\n")
    link(place / "shop", place.parents[1] / "outside/canary", name)
    asked = spec(place, "services: {web: {build: {context: ., dockerfile: own/File}}}")
    refused(loaded_here, place, watch, asked)


@pytest.mark.parametrize(("reference", "trick"), CASES[::25], ids=[f"{one}: {other}" for one, other in CASES[::25]])
def test_so_it_is_by_the_process_that_reads(place: Path, watch: Watch, reference: str, trick: str) -> None:
    refused(loaded_there, place, watch, prepared(place, reference, trick))


@pytest.mark.parametrize("trick", [trick for trick in TRICKS if trick != "device"])
def test_a_spec_that_is_elsewhere_is_no_spec(place: Path, watch: Watch, trick: str) -> None:
    path = TRICKS[trick](place / "shop", place.parents[1] / "outside/app.yml")

    refused(loaded_here, place, watch, spec(place, "services: {}", path))


@pytest.mark.parametrize("trick", ["link", "link of dots", "pipe", "hard link"])
def test_nor_are_variables_that_are_elsewhere(place: Path, watch: Watch, trick: str) -> None:
    named = TRICKS[trick](place / "shop", place.parents[1] / "outside/canary")
    (place / "shop" / named).rename(place / "shop/.env")
    asked = spec(place, "services: {web: {image: '${WORD}'}}")
    if trick == "pipe":  # a default file that is none is passed over, as is a folder
        with pytest.raises(SpecError):
            loaded_here(asked, place)
        return
    refused(loaded_here, place, watch, asked)


def test_links_that_stay_inside_are_files_like_others(place: Path) -> None:
    (place / "shared").mkdir()
    (place / "shared/one.env").write_text("A=1\n")
    (place / "shared/base.yml").write_text("services: {base: {image: 'b:1'}}")
    (place / "shop/one.env").symlink_to("../shared/one.env")
    (place / "shop/common").symlink_to("../shared")
    text = """
        services:
          web:
            extends: {file: common/base.yml, service: base}
            env_file: one.env
            secrets: [s]
            volumes: ["./common:/x:ro", "./new:/y", "/srv/data:/z"]
        secrets: {s: {file: common/one.env}}
    """
    for load in (loaded_here, loaded_there):
        stack = load(spec(place, text), place)
        assert dict(stack.services["web"].container.environment) == {"A": "1"}
        assert stack.secret_values == {"A=1"}


def _race(place: Path, watch: Watch, swaps: int) -> None:
    """Load again and again, while an env file, a base, a secret and the folder above a config are swapped with links out."""
    shop, outside = place / "shop", place.parents[1] / "outside"
    (place / "good").mkdir()
    for name, content in {"canary": "WORD=inside\n", "app.yml": "services: {base: {image: 'inside:1'}}\n"}.items():
        (place / "good" / name).write_text(content)
    targets = {"a": ("../good/canary", outside / "canary"), "b": ("../good/app.yml", outside / "app.yml")}
    targets |= {"c": ("../good/canary", outside / "canary"), "d": ("../good", outside)}
    text = """
        services: {web: {extends: {file: b, service: base}, env_file: a, secrets: [s], configs: [c]}}
        secrets: {s: {file: c}}
        configs: {c: {file: d/canary}}
    """
    asked = spec(place, text)
    ended = threading.Event()

    def swap() -> None:
        for number in range(swaps):
            name, ways = list(targets.items())[number % 4]
            fresh = shop / ".fresh"
            fresh.symlink_to(ways[number // 4 % 2])
            os.rename(fresh, shop / name)
        ended.set()

    for name, ways in targets.items():
        (shop / name).symlink_to(ways[0])
    watch.touched()
    thread = threading.Thread(target=swap)
    thread.start()
    ends, told = set(), list[str]()
    while not ended.is_set():
        try:
            stack = loaded_here(replace(asked, disk=loading.files_below(str(place))), place)
            assert stack.services["web"].container.image == "inside:1"
            assert dict(stack.services["web"].container.environment) == {"WORD": "inside"}
            assert stack.secret_values == {"WORD=inside"}
            ends.add("read")
        except SpecError as problem:
            ends.add(problem.ref)
            told.append(str(problem))
    thread.join()
    assert watch.touched() == 0
    assert WORD not in "".join(told)
    assert "outside-repository" in ends


def test_links_swapped_while_a_spec_is_loaded_get_nothing_read(place: Path, watch: Watch) -> None:
    _race(place, watch, 300)


@pytest.mark.long
def test_nor_do_ten_thousand_swaps(place: Path, watch: Watch) -> None:
    _race(place, watch, 10_000)


def test_the_same_spec_read_without_containment_does_read_the_canary(place: Path, watch: Watch) -> None:
    asked = prepared(place, "env_file", "link")
    watch.touched()
    load_canonical(replace(asked, disk=LoadRequest().disk))

    assert watch.touched() > 0


URLS = ["https://example.org/app.git#v1", "http://10.0.0.1/app.tar", "git://example.org/app.git", "github.com/acme/app"]


@pytest.mark.parametrize("url", URLS)
def test_whether_a_build_may_be_fetched_is_the_hosts_policys_to_say(place: Path, url: str) -> None:
    further = f"additional_contexts: {{a: '{url}'}}"
    for build in (f"'{url}'", f"{{context: '{url}', dockerfile: in/there}}", f"{{context: ., {further}}}"):
        (place / "shop/Dockerfile").write_text("FROM x\n")
        loaded_here(spec(place, f"services: {{web: {{build: {build}}}}}"), place)


@pytest.mark.parametrize("url", URLS)
def test_a_dockerfile_of_the_host_is_none_of_a_context_from_elsewhere(place: Path, watch: Watch, url: str) -> None:
    outside = place.parents[1] / "outside/Dockerfile"
    text = f"services: {{web: {{build: {{context: '{url}', dockerfile: {outside}}}}}}}"
    refused(loaded_here, place, watch, spec(place, text))
