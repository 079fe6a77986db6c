"""Postgres: pool and migrations."""
