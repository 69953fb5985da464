"""The Docker Engine: everything that knows its HTTP API lives in this package."""
