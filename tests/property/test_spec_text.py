"""Rules about text in specs that hold whatever the text is: substitution, env files, YAML, commands as words."""

from __future__ import annotations

import json
import shlex
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec import dotenv, shellwords, yamltext
from orchestrator.spec.parse import parse
from orchestrator.spec.substitute import Substitution
from tests.support.spec_cases import plain

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=40)
LITERAL = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="${}"), max_size=20)
READABLE = st.text(
    st.characters(
        blacklist_categories=("Cs", "Cc"),
        blacklist_characters="\ufeff\ufffe\uffff\u2028\u2029\x85",
        max_codepoint=0x10FFFD,
    ),
    max_size=30,
)
KEY = TEXT.filter(lambda text: text != "<<")  # which merges even in quotes, as in Compose
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4), max_leaves=12
)


@given(LITERAL)
def test_text_without_a_dollar_stays(text: str) -> None:
    assert text == Substitution({}.get).apply(text)


@given(TEXT)
def test_doubled_dollars_give_the_text_back(text: str) -> None:
    assert text == Substitution({}.get).apply(text.replace("$", "$$"))


@given(NAME, TEXT, LITERAL, LITERAL)
def test_a_value_is_put_in_and_never_looked_at_again(name: str, value: str, before: str, after: str) -> None:
    found = Substitution({name: value}.get).apply(f"{before}${{{name}}}{after}")

    assert before + value + after == found


@given(NAME, st.none() | TEXT, LITERAL, st.sampled_from((":-", "-", ":+", "+")))
def test_operators_mean_what_they_mean_in_a_shell(name: str, value: str | None, word: str, operator: str) -> None:
    there = value is not None and (operator[0] != ":" or value != "")
    expected = (word if there else value or "") if operator[-1] == "+" else (value or "") if there else word

    assert expected == Substitution({name: value}.get).apply(f"${{{name}{operator}{word}}}")


@given(NAME, LITERAL, st.integers(1, 30))
def test_defaults_nest(name: str, word: str, depth: int) -> None:
    text = word
    for _ in range(depth):
        text = f"${{{name}:-{text}}}"

    assert word == Substitution({}.get).apply(text)


@given(st.dictionaries(NAME, TEXT.filter(lambda text: "\\" not in text), max_size=5))
def test_single_quotes_keep_everything(variables: dict[str, str]) -> None:
    lines = [f"{name}='{value.replace(chr(39), chr(92) + chr(39))}'" for name, value in variables.items()]

    assert variables == dotenv.parse("\n".join(lines), ".env", {}.get)


@given(st.dictionaries(NAME, TEXT, max_size=5))
def test_double_quotes_with_escapes_keep_everything(variables: dict[str, str]) -> None:
    escaped = str.maketrans({"\\": "\\\\", '"': '\\"', "$": "\\$"})
    lines = [f'export {name}="{value.translate(escaped)}" # comment' for name, value in variables.items()]

    assert variables == dotenv.parse("\n".join(lines), ".env", {}.get)


@given(NAME, st.dictionaries(NAME, LITERAL, max_size=3))
def test_the_environment_answers_before_earlier_lines(name: str, outer: dict[str, str]) -> None:
    found = dotenv.parse(f"{name}=inner\nseen=${{{name}}}", ".env", outer.get)

    assert outer.get(name, "inner" if name != "seen" else outer.get("seen", "inner")) == found["seen"]


@given(VALUE)
def test_what_is_printed_is_read_back(value: Any) -> None:
    assert value == plain(yamltext.dump(value))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
        max_leaves=12,
    )
)
def test_other_readers_read_the_same(value: Any) -> None:
    """PyYAML follows YAML 1.1, where ``no``, ``1_000`` and ``12:30`` are not text."""
    assert value == yaml.safe_load(yamltext.dump(value))


@given(st.dictionaries(READABLE.filter(lambda text: text != "<<"), READABLE | st.integers(-9, 9) | st.lists(READABLE)))
def test_json_is_read_as_it_is(value: Any) -> None:
    (document,) = parse(json.dumps(value, ensure_ascii=False).encode(), "x.json")

    assert value == json.loads(json.dumps(value))
    assert document.root == value


@given(st.lists(TEXT, max_size=5))
def test_quoted_words_are_the_words(words: list[str]) -> None:
    assert words == shellwords.split(shlex.join(words))


@given(TEXT)
def test_splitting_ends_with_words_or_an_error_in_words(text: str) -> None:
    try:
        words = shellwords.split(text)
    except ValueError:
        words = []

    assert all(isinstance(word, str) for word in words)
