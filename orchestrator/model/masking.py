"""Hide secrets in text that people, logs and plans see.

Three signs make a value secret: the name it stands under (``DB_PASSWORD``), its form (credentials in a URL, ``--password=x``),
and that it is one of the stack's known secret values. Used for every before and after of a difference.

In a sentence of ours "token" and "secret" are words like others, and what follows them is no value: there only what is written as
an assignment or an option counts (``mask_sentence``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache

MASK = "***"
_TELLING = 8  # characters of a value that is known only by the name of its variable
_SHORTEST = 4  # a shorter secret is only masked where it is the whole value: "1" occurs everywhere


@cache
def _secret_name() -> re.Pattern[str]:
    return re.compile(
        r"PASSW|PASSPHRASE|PWD$|(^|[_.-])PASS($|[_.-])|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|COOKIE|DSN|SALT",
        re.IGNORECASE,
    )


@cache
def _credentials() -> re.Pattern[str]:
    return re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://)[^/@\s]*@")


_TELLS = r"(?:pass(?:word|wd|phrase)?|secret|token|api-?_?key|credentials?|auth)"


@cache
def _option() -> re.Pattern[str]:
    return re.compile(rf"(?P<before>(?:^|[\s'\"-])[\w-]*{_TELLS}[\w-]*[= ]\s*)(?P<value>[^\s'\",]+)", re.IGNORECASE)


@cache
def _option_in_sentence() -> re.Pattern[str]:
    """``--token=x``, ``--token x`` and ``TOKEN=x``; not what follows an option that takes the value from elsewhere."""
    option = rf"--?[\w-]*{_TELLS}[\w-]*(?<!file)(?<!stdin)(?:=| +)"
    return re.compile(
        rf"(?P<before>(?:^|[\s'\"`(-])(?:{option}|[\w-]*{_TELLS}[\w-]*=))(?P<value>[^\s'\"`,]+)", re.IGNORECASE
    )


def is_secret_name(name: str) -> bool:
    """Whether a variable or option of this name is likely to hold a secret."""
    return _secret_name().search(name) is not None


def both(before: str, after: str) -> tuple[str, str]:
    """Two sides of a difference, masked: where one has a secret the other does not show, there the other has one that is not known.

    What was a secret until it was changed is known to nobody any more.
    """
    if before and before.count(MASK) < after.count(MASK):
        return MASK, after
    if after and after.count(MASK) < before.count(MASK):
        return before, MASK
    return before, after


def named_secrets(variables: Mapping[str, str]) -> frozenset[str]:
    """The values that are secret because of the names they stand under, wherever they come to stand.

    A value that could as well be a word, a number or a path is left out: it would be masked all over.
    """
    return frozenset(
        value
        for name, value in variables.items()
        if len(value) >= _TELLING
        and is_secret_name(name)
        and not value.startswith(("/", "./", "../", "~"))
        and any(letter.isalpha() for letter in value)
        and any(letter.isdigit() for letter in value)
    )


def mask(text: str, secrets: Collection[str] = (), *, name: str = "") -> str:
    """``text`` with what is secret in it replaced by ``***``; all of it where ``name`` says so."""
    if not text:
        return text
    if text in secrets or (name and is_secret_name(name)):
        return MASK
    return _option().sub(rf"\g<before>{MASK}", _known(text, secrets))


def mask_sentence(text: str, secrets: Collection[str] = ()) -> str:
    """A message of ours with the secrets in it replaced, and every other word as it is."""
    return _option_in_sentence().sub(rf"\g<before>{MASK}", _known(text, secrets)) if text else text


def _known(text: str, secrets: Collection[str]) -> str:
    """Without known values, and without what URLs tell."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST and secret in text:
            text = text.replace(secret, MASK)
    return _credentials().sub(rf"\g<before>{MASK}@", text) if "://" in text else text
