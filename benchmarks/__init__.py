"""Measurements against docker compose and the engine's own floor; `python -m benchmarks --help` says how."""
