"""Values are masked, and words are not: whatever a message of ours is about, and whatever a secret looks like."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.controller.run_record import masked
from orchestrator.model import actions, describe
from orchestrator.model.masking import MASK, mask_sentence
from orchestrator.model.values import FileGrant, FileKind
from scripts.machine.commands import ROOT

# Names as people give them to services, secrets and files: many are about secrets themselves.
NAMES = st.one_of(
    st.sampled_from(
        ["web", "token", "auth", "secrets", "keycloak", "api-key", "db_password", "oauth2-proxy", "passwd"]
    ),
    st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True),
)
SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="*\n", exclude_categories=["Cs"]), min_size=4)
HOLE = "\0"
always = settings(deadline=None)  # a machine may be busy


def sentences() -> Iterator[str]:
    """Every text with a blank in it that our code holds, with holes for what is put in; docstrings are none."""
    for path in sorted((ROOT / "orchestrator").rglob("*.py")):
        tree = ast.parse(path.read_text())
        passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        passed |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            text = _text(node)
            if id(node) not in passed and " " in text.strip() and f"{HOLE}=" not in text:
                yield text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else HOLE for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


SENTENCES = sorted({line for text in sentences() for line in text.split("\n") if not line.startswith(" ")})


@settings(always, max_examples=20)  # each looks at every sentence
@given(NAMES)
def test_no_word_of_our_messages_is_taken_for_a_value(name: str) -> None:
    assert len(SENTENCES) > 1000
    changed = [text for text in (one.replace(HOLE, name) for one in SENTENCES) if mask_sentence(text) != text]

    assert [] == [text for text in changed if f"{name}=" not in text and "://user@" not in text]


@always
@given(st.lists(NAMES, min_size=1, max_size=3), NAMES)
def test_steps_about_secrets_keep_the_names_of_what_they_are_about(names: list[str], service: str) -> None:
    files = tuple(FileGrant(FileKind.SECRET, name=name, source="", target=f"/run/secrets/{name}") for name in names)
    keep = actions.KeepSecrets(stack="shop", folder="f", service=service, files=files)
    text = describe.describe(keep)

    assert f"keep {', '.join(names)} of {service} in memory" == mask_sentence(text)
    error = f"{service}: {text} failed\n{service}: nothing else was touched"
    assert error == masked(error, mask_sentence)


@always
@given(st.sampled_from(SENTENCES), st.sets(SECRETS, min_size=1, max_size=3), NAMES)
def test_no_known_value_is_left_and_no_name_is_lost(sentence: str, secrets: set[str], name: str) -> None:
    text = " ".join([sentence.replace(HOLE, name), *sorted(secrets), name, "web-1"])
    shown = mask_sentence(text, secrets)

    assert not [secret for secret in secrets if secret in shown]
    assume(not any(secret in f" {name} web-1" for secret in secrets))
    assert shown.endswith(f"{MASK} {name} web-1")


def test_what_a_program_says_is_masked_where_it_assigns_a_value() -> None:
    message = "web: it ended\n  last log lines:\n    DB_PASSWORD: hush\n    using --token hush\nweb: token in use"

    assert message.replace("hush", MASK) == masked(message, mask_sentence)
