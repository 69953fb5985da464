"""A load says which files it depends on, there or not: what has to be watched."""

from __future__ import annotations

from pathlib import Path

from orchestrator.spec.load import LoadRequest, load_canonical

FILES = {
    "compose.yaml": """
        include: [sub/included.yml]
        services:
          web:
            extends: {file: base/base.yml, service: base}
            env_file: [web.env, {path: maybe.env, required: false}]
            label_file: web.labels
        """,
    "sub/included.yml": "services: {sub: {image: x}}\n",
    "base/base.yml": "services: {base: {image: x}}\n",
    "web.env": "A=1\n",
    "web.labels": "b=2\n",
}


def test_every_file_that_counts_is_named(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    sources = load_canonical(LoadRequest(current_directory=str(tmp_path))).sources

    found = {str(Path(path).relative_to(tmp_path)) for path in sources}
    assert {*FILES, "maybe.env", ".env", "sub/.env", "compose.override.yaml"} <= found
