"""Embedded Kafka and Postgres servers."""
