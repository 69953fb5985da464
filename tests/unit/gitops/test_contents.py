"""What lies in a checkout, digested without being taken up by whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.gitops import dependencies
from orchestrator.gitops.contents import MOST_IGNORED, Contents
from orchestrator.spec.load import LoadRequest, load_canonical

KEY = b"k" * 32


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("context/Dockerfile", "context/a.txt", "context/b.log", "beside.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    return tmp_path


def sent(place: Path, **how: int) -> str:
    return Contents(str(place), **how).sent(str(place / "context"), "Dockerfile")


def test_where_the_work_would_be_too_much_the_whole_checkout_counts(place: Path) -> None:
    (place / "context" / ".dockerignore").write_text("*.log\n")
    exact, rough = sent(place), sent(place, most=12)
    (place / "beside.txt").write_text("2")
    assert exact == sent(place)
    assert rough != sent(place, most=12)


def test_of_an_ignore_file_that_is_too_large_nothing_is_ignored(place: Path) -> None:
    (place / "context" / ".dockerignore").write_text("*.log\n" + "#" * MOST_IGNORED)
    before = sent(place)
    (place / "context" / "b.log").write_text("2")
    assert before != sent(place)


def test_each_file_is_read_once_however_often_it_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = Contents(str(place))
    first = contents.digest(str(place / "context"))
    (place / "context" / "a.txt").write_text("2")
    assert first == contents.digest(str(place / "context"), ("nothing",))
    assert first != Contents(str(place)).digest(str(place / "context"))


def test_images_that_are_built_upon_each_other_in_layers_are_soon_told_apart(tmp_path: Path) -> None:
    """Sixty layers of two, each upon both of the layer below: there are more ways down than anybody can walk."""
    layers = 60
    (tmp_path / "src").mkdir()
    spec = ["services:"]
    for layer in range(layers):
        for name in "ab":
            below = f'a: "service:a{layer - 1}", b: "service:b{layer - 1}"' if layer else ""
            spec.append(f"  {name}{layer}: {{build: {{context: src, additional_contexts: {{{below}}}}}}}")
    (tmp_path / "app.yml").write_text("\n".join(spec))

    def found() -> dict[str, str]:
        request = LoadRequest(files=(str(tmp_path / "app.yml"),), project_name="x", current_directory=str(tmp_path))
        return dependencies.builds(load_canonical(request), str(tmp_path), KEY)

    before = found()
    spec[1] = spec[1].replace("context: src", "context: src, target: other")
    (tmp_path / "app.yml").write_text("\n".join(spec))
    after = found()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == before.keys() - {"b0"}
