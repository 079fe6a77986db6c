import os
from pathlib import Path

import pytest

from aiops.local.stack import own_directory
from schemas.errors import ConfigError


def test_a_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with (
        own_directory(tmp_path),
        pytest.raises(ConfigError, match=rf"in use by another.*pid {os.getpid()}"),
        own_directory(tmp_path),
    ):
        pass


def test_a_directory_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with own_directory(tmp_path):
            assert (tmp_path / "stack.lock").read_text() == str(os.getpid())
