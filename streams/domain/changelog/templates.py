"""A person's own template for a release, in a sandbox: no imports, no attributes of Python."""

from functools import lru_cache
from typing import Final, Never

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from schemas.errors import ConfigError
from streams.domain.changelog.documents import ReleaseDocument
from streams.domain.changelog.escaping import clean_line, escape_line

MAX_TEMPLATE_CHARS: Final = 100_000
MAX_OUTPUT_CHARS: Final = 8 * 1024 * 1024


class _Sandbox(ImmutableSandboxedEnvironment):
    """The sandbox without the operators that make a long text of a short template."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> Never:
        """Refuse to multiply: a changelog has nothing to."""
        raise SecurityError(f"{operator} is not allowed")


def render_template(template: str, document: ReleaseDocument) -> str:
    """Return the template filled with the members of the document.

    Text goes in as it is: `| md` escapes one line for Markdown, `| line` only joins its lines.

    Raises:
        ConfigError: the template is wrong, does what it may not, or writes without end.
    """
    try:
        compiled = _compile(template)
        parts: list[str] = []
        length = 0
        for part in compiled.generate(msgspec.to_builtins(document)):
            length += len(part)
            if length > MAX_OUTPUT_CHARS:
                raise ConfigError("the template writes too much", setting="template")
            parts.append(part)
        return "".join(parts)
    except (TemplateError, OverflowError, MemoryError, TypeError, ValueError) as exc:
        raise ConfigError(str(exc), setting="template") from exc


@lru_cache(maxsize=8)
def _compile(template: str) -> Template:
    if len(template) > MAX_TEMPLATE_CHARS:
        raise ConfigError("the template is too long", setting="template")
    environment = _Sandbox(
        autoescape=False,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.globals.clear()
    environment.filters["md"] = escape_line
    environment.filters["line"] = clean_line
    return environment.from_string(template)
