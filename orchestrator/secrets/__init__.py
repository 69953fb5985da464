"""Secrets that lie in a repository encrypted, or in a store elsewhere: had in memory, with the operator's keys."""
