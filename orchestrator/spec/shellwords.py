"""A command written as one text, split into words the way Compose splits it: quotes and backslashes, but no shell.

An unquoted ``;``, ``&``, ``|``, ``<`` or ``>`` ends the command, because no shell would read what follows. Unclosed
quotes raise ``ValueError``.
"""

from __future__ import annotations

import re

_SPACES = frozenset(" \t\r\n")
_ENDS = frozenset(";&|<>")
_ORDINARY = re.compile(r"[^\\ \t\r\n'\"`()$;&|<>]+")


class _Splitter:
    def __init__(self) -> None:
        self.words: list[str] = []
        self.word: list[str] = []
        self.started = False
        self.quote = ""

    def space(self, character: str) -> None:
        if self.quote:
            self.word.append(character)
        elif self.started:
            self.finish()

    def finish(self) -> None:
        self.words.append("".join(self.word))
        self.word, self.started = [], False

    def add(self, character: str) -> None:
        self.word.append(character)
        self.started = True

    def toggle(self, quote: str) -> None:
        """Open or close a quote; closing one makes a word even where it is empty."""
        if self.quote == quote:
            self.started = True
        self.quote = "" if self.quote == quote else quote


def split(text: str) -> list[str]:
    """The words of ``text``."""
    return _read(text)[0]


def unread(text: str) -> str:
    """The rest of ``text`` that only a shell would read; empty where there is none or the text cannot be split."""
    try:
        return _read(text)[1]
    except ValueError:
        return ""


def _read(text: str) -> tuple[list[str], str]:
    state = _Splitter()
    escaped, rest, position = False, "", 0
    while position < len(text):
        run = None if escaped else _ORDINARY.match(text, position)
        if run is not None:
            state.add(run[0])
            position = run.end()
            continue
        character = text[position]
        if escaped:
            state.add(character)
            escaped = False
        elif character == "\\" and state.quote != "'":
            escaped = True
        elif character in _SPACES:
            state.space(character)
        elif character in "'\"" and state.quote in ("", character, "`"):
            state.toggle(character)
        elif not state.quote and character in _ENDS:
            if character == ">" and state.word and state.word[0][0].isdigit():
                state.started = False
            rest = text[position:]
            break
        else:
            _other(state, character)
        position += 1
    if state.started:
        state.finish()
    if escaped or state.quote:
        raise ValueError("a quote or a backslash at the end of the command is not closed")
    return state.words, rest


def _other(state: _Splitter, character: str) -> None:
    """Back quotes and ``$(...)`` keep their text together, and stay in it."""
    if character == "`" and state.quote in ("", "`"):
        state.quote = "" if state.quote else "`"
    elif character == ")" and state.quote in ("", "("):
        state.quote = "" if state.quote else "("
    elif character == "(" and state.quote in ("", "("):
        if state.quote or not state.word or state.word[-1] != "$":
            raise ValueError("an unquoted parenthesis is not part of a command")
        state.quote = "("
        state.word.append(character)
        return
    state.add(character)
