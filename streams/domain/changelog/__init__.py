"""Commits in, release documents out: pure functions, no I/O."""
