"""Where the tuning data lies: beside the checkout, never inside it (its licences forbid it)."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_file(relative: str) -> Path:
    """Return a file of the tuning data; skip the calling test with a reason when it is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"tuning data {relative} is not beside this checkout")
    return path
