import re

from schemas.db.migrate import all_migrations


def test_migrations_are_numbered_without_gap() -> None:
    names = [migration.name for migration in all_migrations()]

    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert all(re.fullmatch(r"\d{4}_[a-z_]+", name) for name in names)


def test_no_migration_ends_its_own_transaction() -> None:
    for migration in all_migrations():
        assert not re.search(r"(?im)^\s*(commit|rollback)\b", migration.sql), migration.name
