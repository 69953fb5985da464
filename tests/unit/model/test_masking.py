"""What is hidden in text that people, logs and plans see."""

from __future__ import annotations

from orchestrator.model import masking


def test_where_a_secret_was_changed_neither_side_shows_one() -> None:
    """The old value is no longer known as a secret: a rotation would have shown it."""
    assert (masking.MASK, masking.MASK) == masking.both("old", masking.MASK)
    assert (masking.MASK, masking.MASK) == masking.both(masking.MASK, "plain now")
    assert (masking.MASK, f"app {masking.MASK} x") == masking.both("app old x", f"app {masking.MASK} x")
    assert ("", masking.MASK) == masking.both("", masking.MASK)
    assert ("a", "b") == masking.both("a", "b")


def test_variables_are_secret_by_name_unless_their_value_is_a_word_a_number_or_a_path() -> None:
    named = {
        "DB_PASSWORD": "pa55-word-9",
        "AUTH_MODE": "none",
        "TOKEN_TTL": "36000000",
        "KEY_FILE": "/etc/key1.pem",
        "TAG": "v1.2.3-rc12",
    }
    assert {"pa55-word-9"} == masking.named_secrets({**named, "POSTGRES_PASSWORD": "postgres"})
