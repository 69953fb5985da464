"""Specs that somebody pushes who wants the host to suffer. Each ``Attack`` is the files of one stack, and what is said of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import pairwise

from orchestrator.records import dataclass, field

SPEC = "app.yml"
GOOD = "services: {web: {image: 'busybox:stable', command: sleep 100000, init: true, stop_signal: SIGKILL, network_mode: none}}\n"
_LAUGHS = "abcdefghij"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """``files`` by name, ``links`` likewise; ``said`` is in the message. ``line`` of ``file`` is named, 0 where it has none."""

    name: str
    files: Mapping[str, str | bytes]
    said: str
    line: int = 1
    file: str = SPEC
    links: Mapping[str, str] = field(default_factory=dict)


def attacks() -> Iterator[Attack]:
    for name, (text, line, said) in {
        **_bombs(),
        **_deep(),
        **_numbers(),
        **_twice(),
        **_odd_text(),
        **_variables(),
    }.items():
        yield Attack(name=name, files={SPEC: text}, line=line, said=said)
    yield from _circles()
    yield from _others()


def _bombs() -> dict[str, tuple[str | bytes, int, str]]:
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise(_LAUGHS)
    )
    merges = "a: &a {k: v}\n" + "".join(
        f"{b}: &{b} {{<<: [{','.join([f'*{a}'] * 9)}]}}\n" for a, b in pairwise(_LAUGHS)
    )
    return {
        "aliases of aliases": (laughs + GOOD, 6, "more than 250,000 values"),
        "merges of merges": (merges + GOOD, 7, "more than 250,000 values"),
        "an alias in itself": ("x-a: &a [*a]\n" + GOOD, 1, "inside its own anchor"),
        "an alias before its anchor": ("x-a: *b\nx-b: &b 1\n" + GOOD, 1, "not defined above it"),
        "many documents": ("x: 1\n---\n" * 130_000, 128, "documents in one file"),
        "many values": (GOOD + "x-a: [" + "1," * 300_000 + "]", 2, "more than 250,000 values"),
        "many services": (
            "services:\n" + "".join(f"  s{n}: {{image: x}}\n" for n in range(2_100)),
            2,
            "more than 2,000 services",
        ),
    }


def _deep() -> dict[str, tuple[str | bytes, int, str]]:
    said = "levels of nesting"
    return {
        "lists in lists": (GOOD + "x-a: " + "[" * 25_000 + "]" * 25_000, 2, said),
        "lists that never end": (GOOD + "x-a: " + "[" * 200_000, 2, said),
        "mappings in mappings": (GOOD + "x-a: " + "{a: " * 25_000 + "1" + "}" * 25_000, 2, said),
        "JSON in JSON": ('{"a":' * 50_000 + "1" + "}" * 50_000, 1, said),
        "blocks in blocks": ("- " * 50_000 + "a", 1, said),
    }


def _numbers() -> dict[str, tuple[str | bytes, int, str]]:
    def web(words: str) -> str:
        return f"services:\n  web:\n    image: x\n    {words}\n"

    ranges = ", ".join(f"'127.0.0.{n}:1-65535:1-65535'" for n in range(1, 101))
    return {
        "ports without end": (web(f"ports: [{ranges}]"), 4, "ports of all services"),
        "a port of five thousand digits": (web(f"ports: ['{'9' * 5_000}:80']"), 4, ""),
        "a port below nothing": (web("ports: ['-1:80']"), 4, ""),
        "a billion replicas": (web("deploy: {replicas: 1000000000}"), 4, "containers of one service"),
        "replicas of five thousand digits": (web(f"scale: {'9' * 5_000}"), 4, ""),
        "replicas below nothing": (web("scale: -1"), 4, ""),
        "no number of processors": (web("cpus: .nan"), 4, ""),
        "endless memory": (web("mem_limit: .inf"), 4, ""),
        "memory of a large exponent": (web("mem_limit: 1e400"), 4, ""),
        "memory below nothing": (web("mem_limit: -5g"), 4, ""),
        "memory of many digits": (web(f"mem_limit: {'9' * 4_000}g"), 4, ""),
        "a million devices": (web(f"gpus: [{{count: {10**30}}}]"), 4, ""),
        "a duration of many parts": (web(f"stop_grace_period: {'1h' * 50_000}x"), 4, ""),
        "an image that expressions choke on": (web(f"image: {'a' * 200_000}!").replace("    image: x\n", ""), 3, ""),
        "a port that expressions choke on": (web(f"ports: ['{'1-' * 50_000}']"), 4, ""),
        "a mount that expressions choke on": (web(f"volumes: ['{':' * 50_000}']"), 4, ""),
        "a date that is none": (web("stop_grace_period: 2024-13-99"), 4, ""),
    }


def _twice() -> dict[str, tuple[str | bytes, int, str]]:
    return {
        "a service twice": ("services:\n  web: {image: a}\n  web: {image: b}\n", 3, "twice"),
        "a section twice": (GOOD + "services: {}\n", 2, "twice"),
        "a key twice behind a merge": (
            "x: &x {image: a}\nservices:\n  web: {<<: *x, image: b, image: c}\n",
            3,
            "twice",
        ),
    }


def _odd_text() -> dict[str, tuple[str | bytes, int, str]]:
    noise = random.Random(7).randbytes(100_000)
    return {
        "noise": (noise, 1, ""),
        "a picture": (b"\x89PNG\r\n\x1a\n" + noise[:1_000], 1, ""),
        "NUL": ("services:\n  web: {image: 'a\0b'}\n", 2, ""),
        "an escape": ('services:\n  "web\\e]0;x\\a": {image: a}\n', 2, ""),
        "an escape as it is": ("services:\n  web: {image: '\x1b[2J'}\n", 2, ""),
        "a name written from right to left": ('services:\n  "\u202ebew": {image: a}\n', 2, ""),
        "a name with a joint of no width": ('services:\n  "we\u200bb": {image: a}\n', 2, ""),
        "a name of another alphabet": ('services:\n  "w\u0435b": {image: a}\n', 2, ""),
        "half a surrogate": (b"services:\n  web: {image: \xed\xa0\x80}\n", 2, ""),
        "half of a UTF-16": (GOOD.encode("utf-16")[:-1], 1, ""),
        "another encoding": (GOOD.encode("utf-32"), 1, ""),
        **_long_words("k" * 3_000_000),
        "five megabytes": (GOOD + "# " + "x" * (5 << 20), 0, "bytes in one file"),
        "tabs": ("services:\n\tweb: {image: a}\n", 2, ""),
    }


def _long_words(word: str) -> dict[str, tuple[str | bytes, int, str]]:
    """Three megabytes of one word wherever a message may repeat it."""

    def web(words: str) -> str:
        return f"services:\n  web:\n    image: x\n    {words}\n"

    return {
        "a long key": (f"services:\n  web:\n    image: x\n    {word}: 1\n", 4, ""),
        "a long key that is one": (web(f"? {word}\n    : 1"), 4, "unknown key"),
        "a long value": (web(f"cpus: '{word}'"), 4, "not a number"),
        "a long word for yes": (web(f"init: '{word}'"), 4, "neither true nor false"),
        "a long alias": (web(f"labels: *{word}"), 4, "not defined above it"),
        "a long service to wait for": (web(f"depends_on: ['{word}']"), 4, "depends on"),
        "a long base": (web(f"extends: {{file: app.yml, service: '{word}'}}"), 4, ""),
        "a long name of a file": (web(f"env_file: ['{word}']"), 4, ""),
        "a long name of a variable": (web(f"labels: {{a: '${{{word}:?x}}'}}"), 4, "required variable"),
        "a long reason": (web(f"labels: {{a: '${{A:?{word}}}'}}"), 4, "required variable"),
        "a long place to build": (web(f"build: 'https://x/{word}'"), 4, ""),
        "a long mount": (web(f"volumes: ['../../../{word}:/x']"), 4, "outside of the repository"),
        "a mount of all checkouts": (web("volumes: ['../../..:/x']"), 4, "outside of the repository"),
        "an owner of many digits": (
            web(f"configs: [{{source: c, uid: '{'9' * 200_000}'}}]\nconfigs: {{c: {{content: x}}}}"),
            4,
            "",
        ),
    }


def _variables() -> dict[str, tuple[str | bytes, int, str]]:
    def web(value: str) -> str:
        return f"services:\n  web:\n    image: x\n    labels: {{a: '{value}'}}\n"

    return {
        "variables in variables": (web("${A:-" * 1_200 + "x" + "}" * 1_200), 4, "levels of ${...}"),
        "variables that never end": (web("${A:-" * 30), 4, ""),
        "a variable as a name": (web("${${X}}"), 4, ""),
        "a variable that must be there": (web("${A:?}"), 4, ""),
        "dollars that expressions choke on": (web("${A" * 20_000), 4, ""),
    }


def _circles() -> Iterator[Attack]:
    yield Attack(
        name="services in a circle",
        files={SPEC: "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n"},
        line=2,
        said="a",
    )
    yield Attack(
        name="bases in a circle",
        files={
            SPEC: "services:\n  a: {extends: {file: b.yml, service: a}}\n",
            "b.yml": "services:\n  a: {extends: {file: app.yml, service: a}}\n",
        },
        line=2,
        file="b.yml",
        said="",
    )
    yield Attack(name="a base in itself", files={SPEC: "services:\n  a: {extends: a}\n"}, line=2, said="")
    yield Attack(
        name="files in a circle",
        files={SPEC: f"include: [b.yml]\n{GOOD}", "b.yml": "include: [app.yml]\n"},
        line=1,
        file="b.yml",
        said="",
    )
    many = {f"i{n}.yml": f"include: [i{n + 1}.yml]\n" for n in range(70)}
    yield Attack(
        name="many files", files={SPEC: "include: [i0.yml]\n" + GOOD, **many}, line=1, file="", said="files included"
    )
    twice = {f"i{n}.yml": f"include: [i{n + 1}.yml, i{n + 1}.yml]\n" for n in range(30)} | {"i30.yml": "services: {}\n"}
    yield Attack(name="files twice each", files={SPEC: "include: [i0.yml]\n" + GOOD, **twice}, line=1, file="", said="")


def _others() -> Iterator[Attack]:
    env = GOOD.replace("command:", "env_file: one.env, command:")
    yield Attack(
        name="variables of five megabytes",
        files={SPEC: env, "one.env": "A=" + "x" * (5 << 20)},
        said="",
        line=0,
        file="",
    )
    yield Attack(name="variables of noise", files={SPEC: env, "one.env": b"A=\xff\xfe\0"}, said="UTF-8", file="one.env")
    much = f"A={'x' * 200_000}\n"
    filled = "services:\n  web:\n    image: x\n    labels: {" + ", ".join(f"l{n}: '$A'" for n in range(2_000)) + "}\n"
    yield Attack(
        name="a variable filled in often", files={SPEC: filled, ".env": much}, said="variables were filled into", line=4
    )
    once = f"services:\n  web:\n    image: x\n    labels: {{a: '{'$A' * 2_000}'}}\n"
    yield Attack(
        name="a variable filled in at one place", files={SPEC: once, ".env": much}, said="interpolated value", line=4
    )
    yield Attack(
        name="variables in a circle",
        files={SPEC: env, "one.env": "A=${B}\nB=${A}\nC=${C:?never}\n"},
        said="",
        line=3,
        file="one.env",
    )
    yield Attack(name="a link to itself", files={SPEC: env}, links={"one.env": "one.env"}, said="", line=1)
    yield Attack(name="a folder for a file", files={SPEC: env, "one.env/x": "x"}, said="", line=1)
