"""Dependency updates: what a subject says, and chains A -> B -> C as one step A -> C."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

_UPDATE: Final = re.compile(
    r"(?:\[[\w.-]{1,40}\] )?(?:security )?(?:bump|update|upgrade)s? (?:version of )?"
    r"(?:(?:dependency|module|package|action|plugin|gem|crate|rust crate|terraform|image"
    r"|docker image|helm release|helm chart|the) )?"
    r"(?P<name>[^\s:]+)"
    r"(?: (?:version|action|digest|module|package|monorepo|docker tag|docker digest|orb|plugin"
    r"|wrapper|requirement))?"
    r"(?: from (?P<old>\S+))? to (?P<new>v?[0-9]\S*|[0-9a-f]{7,40})(?: in (?P<place>/\S*))?",
    re.IGNORECASE,
)
_QUOTES: Final = "`'\"*"
_MAX_SUBJECT: Final = 500


class DependencyUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one dependency; `old` is None when the subject tells only the new version."""

    name: str
    old: str | None
    new: str
    place: str | None = None


class DependencyChain(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of one dependency within a release, as one."""

    name: str
    old: str | None = msgspec.field(name="from")
    new: str = msgspec.field(name="to")
    shas: tuple[str, ...]


class _OpenChain:
    def __init__(self, update: DependencyUpdate, key: int) -> None:
        self.old = update.old
        self.new = update.new
        self.keys = [key]


def parse_dependency_update(subject: str) -> DependencyUpdate | None:
    """Return what a subject such as `bump x from 1.0 to 1.1` says, None for any other."""
    match = _UPDATE.match(subject[:_MAX_SUBJECT])
    if match is None:
        return None
    name = match["name"].strip(_QUOTES)
    if not name:
        return None
    return DependencyUpdate(
        name=name,
        old=_version(match["old"]) if match["old"] else None,
        new=_version(match["new"]),
        place=match["place"],
    )


def chain_updates(
    updates: Iterable[tuple[int, DependencyUpdate]],
) -> list[tuple[str, str | None, str, list[int]]]:
    """Return (name, old, new, keys of the steps) of each chain, by name; steps come oldest first.

    A step goes on where a chain of its dependency ended; one that only tells the new version goes
    on whatever was last. The same step twice (in two folders, say) is one.
    """
    chains: dict[str, list[_OpenChain]] = {}
    for key, update in updates:
        known = chains.setdefault(update.name, [])
        chain = _continued(known, update)
        if chain is None:
            known.append(_OpenChain(update, key))
            continue
        chain.new = update.new
        chain.keys.append(key)
    return [
        (name, chain.old, chain.new, chain.keys)
        for name in sorted(chains)
        for chain in chains[name]
    ]


def _continued(known: list[_OpenChain], update: DependencyUpdate) -> _OpenChain | None:
    for chain in reversed(known):
        is_repeated = (chain.old, chain.new) == (update.old, update.new)
        if update.old is None or chain.new == update.old or is_repeated:
            return chain
    return None


def _version(text: str) -> str:
    return text.strip(_QUOTES).rstrip(".,;)")
