"""Produces onto the topics and asks the broker for end offsets; both work again by themselves."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from graphql_api.errors import ApiError, ErrorCode
from schemas.ids import RecordId
from schemas.records import Headers
from schemas.topics import MAX_RECORD_BYTES

_END_OFFSETS_TTL_S: Final = 1.0
_REQUEST_TIMEOUT_MS: Final = 5_000

log = structlog.get_logger(__name__)


def broker_unavailable() -> ApiError:
    """Return the error a client gets when the broker did not acknowledge in time."""
    return ApiError(
        ErrorCode.BROKER_UNAVAILABLE,
        "the broker did not acknowledge in time; the record may or may not have been written",
    )


class Producer:
    """One idempotent producer, started at its first use and again after a failure to start."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def produce(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        timeout_s: float,
    ) -> RecordId:
        """Write a record, wait for all in-sync replicas, and return where it lies.

        Raises:
            ApiError: the broker did not acknowledge within `timeout_s`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                producer = await self._started()
                written = await producer.send_and_wait(topic, value, key, headers=list(headers))
        except (TimeoutError, KafkaError, OSError) as exc:
            log.warning("produce_failed", topic=topic, error=type(exc).__name__)
            raise broker_unavailable() from exc
        return RecordId(written.topic, written.partition, written.offset)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    client_id="aiops-api",
                    acks="all",
                    compression_type="lz4",
                    enable_idempotence=True,
                    max_request_size=MAX_RECORD_BYTES,
                    request_timeout_ms=_REQUEST_TIMEOUT_MS,
                )
                await _start(producer)
                self._producer = producer
            return self._producer

    async def is_reachable(self, *, timeout_s: float) -> bool:
        """Tell whether the broker answers a metadata request now."""
        try:
            async with asyncio.timeout(timeout_s):
                producer = await self._started()
                return bool(await producer.client.fetch_all_metadata())
        except (TimeoutError, KafkaError, OSError):
            return False

    async def close(self) -> None:
        """Write out what is buffered and disconnect, within two seconds."""
        if self._producer is not None:
            await _stop(self._producer)


async def _start(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    try:
        await client.start()
    except BaseException:
        # A client that did not start has tasks and sockets all the same.
        await asyncio.shield(_stop(client))
        raise


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(2):
            await client.stop()
    except (TimeoutError, KafkaError, OSError) as exc:
        log.info("kafka_client_stop_failed", error=type(exc).__name__)


class EndOffsets:
    """Asks the broker for the end offsets of partitions; an answer is good for a second."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()
        self._known: dict[tuple[str, int], int] = {}
        self._known_at = -_END_OFFSETS_TTL_S

    async def get(
        self, partitions: Sequence[tuple[str, int]], *, timeout_s: float
    ) -> dict[tuple[str, int], int]:
        """Return the end offsets that could be had in time; none while the broker is away."""
        try:
            # The wait for one's turn counts: while the broker is away turns take all their time.
            async with asyncio.timeout(timeout_s), self._asking:
                return await self._fresh(partitions)
        except (TimeoutError, KafkaError, OSError) as exc:
            log.warning("end_offsets_unknown", error=type(exc).__name__)
            return {}

    async def _fresh(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        now = time.monotonic()
        if now - self._known_at >= _END_OFFSETS_TTL_S or not set(partitions) <= set(self._known):
            self._known = await self._ask(partitions)
            self._known_at = now
        return self._known

    async def _ask(self, partitions: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                client_id="aiops-api",
                enable_auto_commit=False,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
            )
            await _start(consumer)
            self._consumer = consumer
        wanted = [TopicPartition(topic, partition) for topic, partition in partitions]
        offsets = await self._consumer.end_offsets(wanted)
        return {(place.topic, place.partition): offset for place, offset in offsets.items()}

    async def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await _stop(self._consumer)
