"""A command line in one text, split into words the way Compose does: quotes and backslashes, but no shell.

What a shell would do after ``;``, ``&``, ``|``, ``<`` or ``>`` does not happen: the words end there. ``unread`` gives
the rest, for a warning.
"""

from __future__ import annotations

from orchestrator.spec.hints import quoted
from orchestrator.spec.values import BadValue

_SPACES = " \t\r\n"
_ENDS = ";&|<>"


def split(text: str) -> list[str]:
    """The words of ``text``."""
    return _read(text)[0]


def unread(text: str) -> str:
    """What follows the first word that only a shell would understand; empty where there is none."""
    return _read(text)[1]


def _read(text: str) -> tuple[list[str], str]:
    words: list[str] = []
    word, started, escaped = "", False, False
    within = ""  # the quote we are inside of: ' " ` or ( for $( )
    for index, character in enumerate(text):
        if escaped:
            word, started, escaped = word + character, True, False
        elif character == "\\" and within != "'":
            escaped = True
        elif within:
            keep, within = _inside(character, within)
            word, started = word + keep, True
        elif character in _SPACES:
            if started:
                words.append(word)
            word, started = "", False
        elif character in "'\"":
            within = character
            # An empty pair of quotes is a word of its own once it is closed.
        elif character == "`" or (character == "(" and word.endswith("$")):
            within, word, started = character, word + character, True
        elif character in "()":
            raise _bad(text)
        elif character in _ENDS:
            # `2>file` redirects: the number belongs to what is dropped.
            started = started and not (character == ">" and word[:1].isdigit())
            return [*words, word] if started else words, text[index:]
        else:
            word, started = word + character, True
    if escaped or within:
        raise _bad(text)
    return [*words, word] if started else words, ""


def _inside(character: str, within: str) -> tuple[str, str]:
    """What a character inside of quotes adds to the word, and the quotes it leaves us in."""
    closing = ")" if within == "(" else within
    if character == closing:
        return ("" if within in "'\"" else character), ""
    if within == "(" and character == "(":
        raise BadValue("a command has brackets within brackets", "write the command as a list")
    return character, within


def _bad(text: str) -> BadValue:
    hint = "a quote, bracket or backslash is left open; write the command as a list: [\"sh\", \"-c\", \"...\"]"
    return BadValue(f"the command {quoted(text)} cannot be split into words", hint)
