"""What goes wrong with secrets. No message ever has a value, a key or a decrypted text in it."""

from __future__ import annotations

from orchestrator.errors import SpecError


class CannotDecrypt(SpecError):
    """A file cannot be decrypted with the keys at hand, was changed by somebody without one, or is not what it says it is."""

    reference = "cannot-decrypt"


class KeyUnusable(SpecError):
    """A file that should hold keys does not, or cannot be read."""

    reference = "key-unusable"


class LibraryMissing(SpecError):
    """What decrypts is an extra of the package, and not installed."""

    reference = "secrets-not-installed"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs Python packages that are not installed",
            hint="install them with: pip install 'stack-orchestrator[secrets]'",
        )


class StoreFailed(SpecError):
    """A secret cannot be had from the store that keeps it."""

    reference = "store-failed"


# What the operator can put right, without a change of any file of the stack.
OF_KEYS = frozenset(one.reference for one in (CannotDecrypt, KeyUnusable, LibraryMissing, StoreFailed))
