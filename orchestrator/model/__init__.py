"""The vocabulary: frozen dataclasses for what should be, what is, and what to do about it. Imports nothing but errors."""
