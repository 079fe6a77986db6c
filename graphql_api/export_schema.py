"""Writes the schema's text: `python -m graphql_api.export_schema [--release]`.

Into graphql_api/schema.graphql, and at a release into schema_released.graphql too: what is in there
may not be broken any more.
"""

import sys
from pathlib import Path

from graphql_api.schema import schema_text

if __name__ == "__main__":
    names = ["schema.graphql", *(["schema_released.graphql"] if "--release" in sys.argv else [])]
    for name in names:
        Path(__file__).with_name(name).write_text(schema_text(), encoding="utf-8")
