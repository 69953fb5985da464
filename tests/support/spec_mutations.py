"""Specs that nobody would write: case files and examples, damaged in every way a seed can think of.

``mutant(seed)`` is the same bytes for the same seed. ``python -m tests.support.spec_mutations 100000`` tries that
many on all processors and prints the seeds that broke the promise: a model or a ``StackError``, in two seconds and
256 MiB, and never the end of the process.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.errors import StackError
from orchestrator.spec import build, render, silences
from orchestrator.spec.load import LoadRequest, load_canonical
from tests.support import spec_cases, spec_corpus

SECONDS, MIB = 2.0, 256
Random = random.Random

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**40, 0.0, -0.5, 1e308, 1e-320),
    *(
        "",
        " ",
        "\t",
        "\n",
        "0",
        "-1",
        "true",
        "yes",
        "null",
        "~",
        "no",
        "22:22",
        "010",
        "1e400",
        "9" * 5000,
        ".inf",
        ".nan",
    ),
    *(
        "${",
        "${}",
        "$",
        "$$",
        "${A",
        "${A:-${A}}",
        "${A:?}",
        "${A:-" * 40,
        "$" * 100,
        "${PATH}",
        "${EMPTY}",
        "${A:-}" * 50,
    ),
    *(
        "\x00",
        "\x1b[0m",
        "\u202e",
        "\ufeff",
        "\ud800",
        "\U0010ffff",
        "e\u0301",
        "a" * 10_000,
        "../" * 100,
        "~",
        "~root",
        "/",
    ),
    *(
        "a:b:c:d:e",
        ":",
        "::",
        "a=",
        "=a",
        "=",
        ",",
        "[::1]:1:2",
        "1-65535:1-65535",
        "65536",
        "0:0",
        "80:80/xyz",
        "1-2:1-3",
    ),
    *(
        "10s",
        "1",
        "-5s",
        "1y",
        "1" * 400 + "h",
        "5k",
        "5.5.5",
        "-5m",
        "1e9g",
        "service:",
        "service:web",
        "container:x",
        "host",
    ),
    *([], {}, [None], [[]], [{}], {"": ""}, {"a": None}, {"x-a": 1}, ["a", "a"], [1, 1.0, "1"], {"target": None}),
    *(
        {"<<": 1},
        {"source": "a"},
        {"type": "bind"},
        {"file": "nope"},
        {"service": "web"},
        [{"path": "/"}],
        {"a": {"b": {"c": []}}},
    ),
)
_TEXTS = (
    *(
        "!reset ",
        "!override ",
        "!!int ",
        "!!binary ",
        "!!python/object:os.system ",
        "!<tag:yaml.org,2002:str> ",
        "&a ",
        "*a ",
    ),
    *(
        "<<: ",
        "? ",
        ": ",
        "- ",
        "--- ",
        "\n---\n",
        "\n...\n",
        "%YAML 1.1\n",
        "{",
        "}",
        "[",
        "]",
        "'",
        '"',
        "|\n",
        ">-\n",
        "#",
        "\t",
    ),
    *(
        "<<: *a\n",
        "&a [*a]",
        "x: &a {b: *a}\n",
        "\u2028",
        "\u0085",
        "\r",
        "  ",
        "\n  ",
        "extends: web",
        "include: [compose.yaml]",
    ),
)


@cache
def seeds() -> tuple[str, ...]:
    """The specs that mutation begins from."""
    written = [text for case in spec_cases.all_cases() for name, text in case.files.items() if name.endswith("l")]
    generated = [case.files["compose.yaml"] for case in (*spec_corpus.alone(), *spec_corpus.realistic())]
    return tuple(written + generated)


def mutant(seed: int) -> bytes:
    """The damaged spec of a seed."""
    chance = Random(seed)
    text = chance.choice(seeds())
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        text = chance.choice(_WAYS)(text, chance)
    return _spoiled(text.encode("utf-8", "surrogatepass"), chance)


def _spoiled(data: bytes, chance: Random) -> bytes:
    if chance.random() < 0.9 or not data:
        return data
    place = chance.randrange(len(data))
    return chance.choice(
        (
            data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :],
            data[:place],
            b"\xff\xfe" + data,
            b"\xef\xbb\xbf" + data,
            data.decode("utf-8", "replace").encode("utf-16"),
        )
    )


def _insert(text: str, chance: Random) -> str:
    place = chance.randrange(len(text) + 1)
    return text[:place] + chance.choice(_TEXTS) + text[place:]


def _cut(text: str, chance: Random) -> str:
    place = chance.randrange(len(text) + 1)
    return text[:place] + text[place + chance.randrange(1, 20) :]


def _repeat(text: str, chance: Random) -> str:
    lines = text.split("\n")
    place = chance.randrange(len(lines))
    return "\n".join([*lines[:place], *[lines[place]] * chance.choice((2, 2, 50)), *lines[place + 1 :]])


def _swap(text: str, chance: Random) -> str:
    lines = text.split("\n")
    chance.shuffle(lines) if len(lines) < 6 else lines.insert(0, lines.pop(chance.randrange(len(lines))))
    return "\n".join(lines)


def _nest(text: str, chance: Random) -> str:
    depth = chance.choice((3, 70, 3000))
    return text + "\nx-deep: " + "[" * depth + "]" * chance.choice((0, depth))


def _odd_value(text: str, chance: Random) -> str:
    """Parse, put something odd in place of one value or key, and write it as JSON, which is YAML too."""
    try:
        document = spec_cases.plain(text)
    except (StackError, IndexError, UnicodeError):
        return _insert(text, chance)
    places: list[tuple[Any, Any]] = []
    _collect(document, places)
    if not places:
        return text
    for _ in range(chance.choice((1, 1, 2, 4))):
        parent, key = chance.choice(places)
        try:
            _change(parent, key, chance)
        except (KeyError, IndexError):
            continue
    return json.dumps(document, ensure_ascii=False, default=str)


def _change(parent: Any, key: Any, chance: Random) -> None:
    odd = json.loads(json.dumps(chance.choice(_ODD)))
    match chance.randrange(5):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[chance.choice(("", "x-a", "image", "a b", "\u202e", "0", "name", str(odd)[:40]))] = parent[key]
        case 2:
            parent[key] = [parent[key], odd]
        case _:
            parent[key] = odd


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        places.append((value, key))
        _collect(item, places)


_WAYS: tuple[Callable[[str, Random], str], ...] = (
    *(_odd_value, _odd_value, _odd_value, _odd_value, _odd_value, _odd_value),
    *(_insert, _insert, _cut, _repeat, _swap, _nest),
)


def try_one(seed: int, directory: Path) -> str:
    """Load the mutant of ``seed`` as far as it goes; what was promised and not kept, or nothing."""
    path = directory / "compose.yaml"
    path.write_bytes(mutant(seed))
    started, before = time.process_time(), _peak()
    request = LoadRequest(files=(str(path),), environment={"A": "1", "HOME": "/root"}, current_directory=str(directory))
    try:
        canonical = load_canonical(request)
        render.to_yaml(canonical)
        silences.silences(canonical.model)
        build.to_stack(canonical.model, name=canonical.name, disabled=canonical.disabled, read_contents=False)
        render.to_json(canonical)
    except StackError as error:
        str(error)
    except Exception:
        return traceback.format_exc()
    spent = time.process_time() - started
    if spent > SECONDS:
        return f"took {spent:.1f} s"
    return f"took {_peak() - before} MiB" if _peak() - before > MIB else ""


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def try_many(numbers: range) -> list[tuple[int, str]]:
    """The seeds among ``numbers`` that break the promise, with what happened."""
    with tempfile.TemporaryDirectory() as directory:
        return [(seed, broken) for seed in numbers if (broken := try_one(seed, Path(directory)))]


def main(count: int) -> int:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    size = 500
    chunks = [range(start, min(start + size, count)) for start in range(0, count, size)]
    found: list[tuple[int, str]] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        tried = {pool.submit(try_many, chunk): chunk for chunk in chunks}
        for future, chunk in tried.items():
            try:
                found += future.result()
            except BrokenProcessPool:
                found.append((chunk.start, f"a process ended by itself at one of the {size} seeds from here on"))
                break
    for seed, broken in found[:20]:
        print(f"seed {seed}: {broken}")
    print(f"{count} specs tried, {len(found)} broke the promise")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
