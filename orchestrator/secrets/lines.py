"""A token in a file of its own, one line: what it is, and what may be wrong with the file.

Editors and shells leave more in such a file than people see (a byte-order mark, blanks, a second line), and the other side only
ever says that the token is wrong. Blanks and line ends around the token are no part of it.
"""

from __future__ import annotations

import codecs

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ANEW = "write the token alone into it, in one line"


class NotOneLine(ValueError):
    """``said`` follows the file's name in a sentence; ``hint`` is what to do. Nothing of what is in the file is in either."""

    def __init__(self, said: str, hint: str = _ANEW) -> None:
        super().__init__(said)
        self.said, self.hint = said, hint


def line_of(data: bytes) -> str:
    """The one line that a file holds. Raises NotOneLine."""
    if data.startswith(_MARKS):
        raise NotOneLine("begins with a byte-order mark, which would be taken for a part of the token", _PLAIN)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise NotOneLine("holds something that is no text in UTF-8", _PLAIN) from None
    token = text.strip(_AROUND)
    if not token:
        raise NotOneLine("holds no token")
    if len((text.rstrip(_AROUND) + ".").splitlines()) > 1:
        raise NotOneLine("has several lines, and only one can be the token")
    if any(letter.isspace() for letter in token):
        raise NotOneLine("has a blank in the middle of its line, and no token has one")
    if not token.isprintable():
        raise NotOneLine("has a character in its line that cannot be seen")
    return token


_AROUND = " \t\r\n"
_PLAIN = "save it as plain text (UTF-8 without a byte-order mark), with the token alone in one line"
