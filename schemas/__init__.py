"""The contract between services: topics, events, rows, settings, errors and migrations."""
