"""Files with a token or a key, looked at before git is asked: ssh, or the other side, would only say that something is wrong.

A token is given to git without the blanks and line ends around it. A key is read by ssh itself, and nothing of it is copied: here
it is only compared with how ssh wants its own format written.
"""

from __future__ import annotations

import shlex

from orchestrator.gitops.troubles import AccessRefused
from orchestrator.secrets.lines import NotOneLine, line_of

ASKPASS = """#!/bin/sh
# Asked like: Password for 'https://user@host:port/path': -- and no other host than the URL's is answered.
asked=${1#*\\'}
asked=${asked%%\\'*}
asked=${asked#https://}
asked=${asked%%/*}
[ "${asked##*@}" = "$STACK_GIT_HOST" ] || exit 1
case "$1" in Username*) printf "%s\\n" "$STACK_GIT_USER"; exit ;; esac
read -r token < "$STACK_GIT_TOKEN_FILE"
printf "%s\\n" "${token%%[ \t\r]*}"
"""
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_MEND = "sed -i -n '/-----BEGIN/,/-----END/ { s/^.*-----BEGIN/-----BEGIN/; s/[[:space:]]*$//; p }'"
_PUBLIC = (b"ssh-", b"ecdsa-", b"sk-")


def check_token(url: str, path: str, most: int) -> None:
    """Raises AccessRefused where the file is no line with a token."""
    data = _read(url, path, most, "token")
    try:
        line_of(data)
    except NotOneLine as problem:
        raise AccessRefused(f"{url}: {path} {problem.said}", hint=problem.hint) from None


def check_key(url: str, path: str, most: int) -> None:
    """Raises AccessRefused where ssh would say no more than "error in libcrypto", or ask for a passphrase of a public key."""
    problem = _wrong_with(_read(url, path, most, "key"), path)
    if problem:
        raise AccessRefused(f"{url}: {path} {problem[0]}", hint=problem[1])


def _wrong_with(data: bytes, path: str) -> tuple[str, str] | None:
    """What is wrong, and what to do about it. Other formats than OpenSSH's are OpenSSL's business, which minds less."""
    if data.startswith(_PUBLIC):
        return "holds a public key", "key_file is the file with the private one; its public half is for the other side"
    if _OPENSSH not in data:
        return None
    mend = f"mend it with: {_MEND} {shlex.quote(path)}"
    if not data.startswith(_OPENSSH):
        return "has something before its first line, such as a byte-order mark, and ssh then reads no key", mend
    if b"\r" in data:
        return "has lines that end in CRLF, and ssh then reads no key", mend
    if any(line != line.rstrip() for line in data.splitlines()):
        return "has lines that end in blanks, and ssh then reads no key", mend
    if not data.endswith(b"\n"):
        return "ends without a line end, and ssh then reads no key", f"add one: echo >> {shlex.quote(path)}"
    return None


def _read(url: str, path: str, most: int, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError as problem:
        raise AccessRefused(f"{url}: the {what} cannot be read: {path}: {problem.strerror}") from None
