"""The version of this package, where it costs nothing to read. A test keeps it equal to the packaging's."""

VERSION = "0.1.0"
