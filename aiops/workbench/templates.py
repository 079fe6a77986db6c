"""`aiops try templates`: log lines in, the template of each out."""

import sys
from collections.abc import Iterator
from typing import Final

import click
import msgspec

from streams.domain.templates import ShapeCache, TemplateSet, shape_id
from streams.domain.templates.headers import split_header

_ENCODER: Final = msgspec.json.Encoder()
# Templates are resolved anew once this share of the shapes is new, as the finalizer does by time.
_NEW_SHARE: Final = 0.005


class _Answer(msgspec.Struct, frozen=True):
    id: str
    template: str
    first_id: str


@click.command
@click.option(
    "--field",
    type=click.Choice(["body", "raw"]),
    default="body",
    help="What a line is: a message, or a whole log line with its header.",
)
def command(field: str) -> None:
    """Read plain text lines from stdin, write {"id", "template", "first_id"} for each.

    `id` and `template` are as of after the last line; `first_id` was given when the line was read.
    """
    lines = (line.decode("utf-8", "replace").rstrip("\r\n") for line in sys.stdin.buffer)
    bodies = (split_header(line)[1] for line in lines) if field == "raw" else lines
    for answer in _answers(bodies):
        sys.stdout.buffer.write(_ENCODER.encode(answer) + b"\n")


def _answers(bodies: Iterator[str]) -> list[_Answer]:
    cache = ShapeCache()
    templates = TemplateSet()
    resolved = templates.resolve()
    waiting = 0
    seen: list[tuple[int, int]] = []
    for body in bodies:
        shape = cache.shape(body)
        identity = shape_id(None, shape)
        if identity not in resolved:
            waiting += templates.add(identity, shape)
            if waiting > len(templates) * _NEW_SHARE:
                resolved = templates.resolve()
                waiting = 0
        known = resolved.get(identity)
        seen.append((identity, known.template_id if known else identity))
    resolved = templates.resolve()
    return [
        _Answer(str(resolved[identity].template_id), resolved[identity].text, str(first))
        for identity, first in seen
    ]
