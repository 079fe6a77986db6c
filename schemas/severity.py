"""OpenTelemetry severity numbers and their names."""

from typing import Final

UNSPECIFIED: Final = 0
TRACE: Final = 1
DEBUG: Final = 5
INFO: Final = 9
WARN: Final = 13
ERROR: Final = 17
FATAL: Final = 21

_RANGES: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
MAX_SEVERITY_NUMBER: Final = 24


def severity_name(severity_number: int) -> str:
    """Return the OTel name (`INFO`, `INFO2`, ... `FATAL4`), `UNSPECIFIED` for 0.

    Raises:
        ValueError: the number is not within 0..24.
    """
    if severity_number == UNSPECIFIED:
        return "UNSPECIFIED"
    if not 0 < severity_number <= MAX_SEVERITY_NUMBER:
        raise ValueError(f"severity_number {severity_number} is not within 0..24")
    rank, step = divmod(severity_number - 1, 4)
    return _RANGES[rank] + (str(step + 1) if step else "")


def severity_range(severity_number: int) -> str:
    """Return the name of the range of four the number lies in: `ERROR` for 17 to 20."""
    if severity_number == UNSPECIFIED:
        return "UNSPECIFIED"
    return _RANGES[(severity_number - 1) // 4]
