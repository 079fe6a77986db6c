"""Cost each sender may spend: a bucket that fills steadily."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from graphql_api.errors import ApiError, ErrorCode

_MAX_SENDERS: Final = 10_000
_BURST_S: Final = 10.0


class CostRates:
    """One bucket a sender; `per_second` cost units flow in, ten seconds' worth are kept."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._capacity = per_second * _BURST_S
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, subject: str, cost: int) -> None:
        """Take `cost` from the sender's bucket.

        Raises:
            ApiError: there is not that much in it.
        """
        now = self._clock()
        level, filled_at = self._buckets.pop(subject, (self._capacity, now))
        level = min(self._capacity, level + (now - filled_at) * self._per_second)
        is_enough = level >= cost
        self._buckets[subject] = (level - cost if is_enough else level, now)
        if len(self._buckets) > _MAX_SENDERS:
            self._buckets.popitem(last=False)
        if not is_enough:
            wait_s = (cost - level) / self._per_second
            raise ApiError(
                ErrorCode.RATE_LIMITED,
                "too much asked lately",
                retryAfterSeconds=max(1, round(wait_s)),
            )
