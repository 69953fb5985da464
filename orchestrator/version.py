"""The version of this package, where it costs nothing to read. Packaging reads it here too."""

VERSION = "0.1.0"
