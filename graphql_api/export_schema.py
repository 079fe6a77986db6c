"""Writes graphql_api/schema.graphql: `python -m graphql_api.export_schema`."""

from pathlib import Path

from graphql_api.schema import schema_text

if __name__ == "__main__":
    Path(__file__).with_name("schema.graphql").write_text(schema_text(), encoding="utf-8")
