"""Words and character runs of a text as 64-bit hashes, a whole text in a few array operations."""

import re
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]

_IDEOGRAPHS: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
# A script without spaces is read sign by sign; its pairs come in as word pairs.
# A question mark says as much as a word.
_WORD: Final = re.compile(f"[{_IDEOGRAPHS}?]|[^\\W_{_IDEOGRAPHS}]+")
_MAX_WORD_CHARS: Final = 40
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
    """The features of one text: each occurrence's hash, and of a run the position of its word."""

    words: list[str]
    word_hashes: Hashes
    pair_hashes: Hashes
    run_hashes: Hashes
    run_words: Indices


def split_words(text: str) -> list[str]:
    """Return the words of `text` as they stand there, cut at 40 characters."""
    return [word[:_MAX_WORD_CHARS] for word in _WORD.findall(text)]


def hash_text(text: str) -> HashedText | None:
    """Return the features of `text`, None when it has no word."""
    words = split_words(text)
    if not words:
        return None
    joined = " " + " ".join(words).lower() + " "
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    is_space = codes == _SPACE
    spaces = np.cumsum(is_space)
    runs = _runs(codes, spaces)
    plain = _word_hashes(codes, is_space)
    pairs = plain[:-1] * _PRIME + plain[1:]
    return HashedText(
        words=words,
        word_hashes=plain + np.uint64(_WORD_KIND),
        pair_hashes=pairs + np.uint64(_PAIR_KIND),
        run_hashes=np.concatenate([hashes for hashes, _ in runs]),
        run_words=np.concatenate([owners for _, owners in runs]),
    )


def hash_name(name: str) -> int:
    """Return the hash of a whole name, such as `os=Linux`."""
    codes = np.frombuffer(name.encode("utf-32-le", "replace"), np.uint32)
    total = 0
    for code in codes.tolist():
        total = (total * int(_PRIME) + code + 7) & 0xFFFFFFFFFFFFFFFF
    return total


def slots_of(hashes: Hashes, section: int, bits: int) -> npt.NDArray[np.int32]:
    """Return hashes as numbers of `bits` bits; each section gets other numbers."""
    mixed = (hashes + np.uint64(section)) * _SPREAD
    mixed ^= mixed >> _SHIFT
    mixed *= _MIX
    return (mixed >> np.uint64(64 - bits)).astype(np.int32)


def _runs(codes: Hashes, spaces: Indices) -> list[tuple[Hashes, Indices]]:
    """Return runs of 3 and 4 characters; a space may begin or end a run, not be inside it."""
    runs = []
    rolling = codes
    for length in range(2, _LONGEST_RUN + 1):
        rolling = rolling[:-1] * _PRIME + codes[length - 1 :]
        if length < _SHORTEST_RUN:
            continue
        count = len(rolling)
        inside = spaces[length - 2 : length - 2 + count] == spaces[:count]
        hashes = rolling[inside] + np.uint64(length * _RUN_KIND)
        runs.append((hashes, spaces[:count][inside] - 1))
    return runs


def _word_hashes(codes: Hashes, is_space: npt.NDArray[np.bool_]) -> Hashes:
    starts = np.flatnonzero(is_space)
    position = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    values = np.where(is_space, np.uint64(0), (codes + np.uint64(7)) * _POWERS[position])
    return np.add.reduceat(values, starts)[:-1]
