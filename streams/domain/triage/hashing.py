"""Words and character runs of a text as 64-bit hashes; those of frequent words are kept."""

import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
Slots = npt.NDArray[np.int32]

_IDEOGRAPHS: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# A script without spaces is read sign by sign; its pairs come in as word pairs.
# A question mark says as much as a word.
_WORD: Final = re.compile(f"[{_IDEOGRAPHS}?]|[^\\W_{_IDEOGRAPHS}]+")
_MAX_WORD_CHARS: Final = 40
_MAX_KNOWN_WORDS: Final = 20_000
_SHORTEST_RUN: Final = 3
_LONGEST_RUN: Final = 4
_SPACE: Final = 32

_PRIME: Final = np.uint64(0x100000001B3)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT: Final = np.uint64(33)
_POWERS: Final = np.array(
    [pow(0x100000001B3, exponent, 1 << 64) for exponent in range(_MAX_WORD_CHARS * 4)], np.uint64
)
_WORD_KIND: Final = 101
_PAIR_KIND: Final = 211
_RUN_KIND: Final = 307


class HashedText(NamedTuple):
    """The features of one text: each occurrence's hash, in the order of the words.

    `run_counts` is how many runs each word has.
    """

    words: list[str]
    word_hashes: Hashes
    pair_hashes: Hashes
    run_hashes: Hashes
    run_counts: tuple[int, ...]

    def run_words(self) -> Indices:
        """Return the position of each run's word."""
        return np.repeat(np.arange(len(self.words)), self.run_counts)

    def count_runs(self, words: int) -> int:
        """Return how many runs the first words have."""
        return sum(self.run_counts[:words])


class _HashedWord(NamedTuple):
    """What a word in small letters gives, wherever it stands."""

    plain: int
    runs: Hashes
    run_count: int


def split_words(text: str) -> list[str]:
    """Return the words of `text` as they stand there, cut at 40 characters."""
    return [word[:_MAX_WORD_CHARS] for word in _WORD.findall(text)]


def hash_text(text: str) -> HashedText | None:
    """Return the features of `text`, None when it has no word."""
    words = split_words(text)
    if not words:
        return None
    plain_hashes, runs, run_counts = zip(*_TABLE.hash_all(words), strict=True)
    plain = np.array(plain_hashes, np.uint64)
    pairs = plain[:-1] * _PRIME + plain[1:]
    return HashedText(
        words=words,
        word_hashes=plain + np.uint64(_WORD_KIND),
        pair_hashes=pairs + np.uint64(_PAIR_KIND),
        run_hashes=np.concatenate(runs),
        run_counts=run_counts,
    )


def hash_name(name: str) -> int:
    """Return the hash of a whole name, such as `os=Linux`."""
    codes = np.frombuffer(name.encode("utf-32-le", "replace"), np.uint32)
    total = 0
    for code in codes.tolist():
        total = (total * int(_PRIME) + code + 7) & 0xFFFFFFFFFFFFFFFF
    return total


def slots_of(hashes: Hashes, section: int | Hashes, bits: int) -> Slots:
    """Return hashes as numbers of `bits` bits; each section, given for all or each, gets others."""
    mixed = (hashes + np.uint64(section)) * _SPREAD
    mixed ^= mixed >> _SHIFT
    mixed *= _MIX
    return (mixed >> np.uint64(64 - bits)).astype(np.int32)


def count_slots(parts: list[Slots]) -> tuple[Slots, Indices]:
    """Return the distinct slots of all parts, ascending, and how often each occurs."""
    slots = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    slots.sort()
    firsts = np.flatnonzero(np.append(len(slots) > 0, slots[1:] != slots[:-1]))
    return slots[firsts], np.diff(np.append(firsts, len(slots)))


class _WordTable:
    """The words met lately, with their hashes; begun anew when it is full."""

    def __init__(self) -> None:
        self.known: dict[str, _HashedWord] = {}

    def hash_all(self, words: list[str]) -> list[_HashedWord]:
        """Return the hashes of each word, written in small letters."""
        if len(self.known) > _MAX_KNOWN_WORDS:
            self.known = {}
        # Another thread may begin a new table meanwhile; this one goes on with its own.
        known = self.known
        lowered = [word.lower() for word in words]
        unknown = sorted(set(lowered).difference(known))
        if unknown:
            known.update(zip(unknown, _hash_unknown(unknown), strict=True))
        return [known[word] for word in lowered]


_TABLE: Final = _WordTable()


def _hash_unknown(words: list[str]) -> list[_HashedWord]:
    joined = " " + " ".join(words) + " "
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    is_space = codes == _SPACE
    hashes, owners = _runs(codes, np.cumsum(is_space))
    ends = np.searchsorted(owners, np.arange(1, len(words))).tolist()
    # Copies, that a word kept does not keep all others of its text.
    runs = [part.copy() for part in np.split(hashes, ends)]
    plain = _word_hashes(codes, is_space).tolist()
    return [_HashedWord(*both, len(both[1])) for both in zip(plain, runs, strict=True)]


def _runs(codes: Hashes, spaces: Indices) -> tuple[Hashes, Indices]:
    """Return runs of 3 and 4 characters, word by word, and the position of each one's word.

    A space may begin or end a run, not be inside it.
    """
    hashes, owners = [], []
    rolling = codes
    for length in range(2, _LONGEST_RUN + 1):
        rolling = rolling[:-1] * _PRIME + codes[length - 1 :]
        if length < _SHORTEST_RUN:
            continue
        count = len(rolling)
        inside = spaces[length - 2 : length - 2 + count] == spaces[:count]
        hashes.append(rolling[inside] + np.uint64(length * _RUN_KIND))
        owners.append(spaces[:count][inside] - 1)
    words = np.concatenate(owners)
    order = np.argsort(words, kind="stable")
    return np.concatenate(hashes)[order], words[order]


def _word_hashes(codes: Hashes, is_space: npt.NDArray[np.bool_]) -> Hashes:
    starts = np.flatnonzero(is_space)
    position = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    values = np.where(is_space, np.uint64(0), (codes + np.uint64(7)) * _POWERS[position])
    return np.add.reduceat(values, starts)[:-1]
