"""The web application: routes, what lives as long as the process, health and metrics."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest

from graphql_api.auth.access import Access
from graphql_api.auth.oidc import ExternalIssuer, issuer_options
from graphql_api.auth.passwords import Passwords
from graphql_api.auth.sessions import Sessions
from graphql_api.auth.tokens import AccessTokens, SigningKey, load_signing_key, signing_key
from graphql_api.context import Services
from graphql_api.engine import Engine
from graphql_api.errors import ApiError, ErrorCode, internal_error
from graphql_api.feeds.changelogs import ChangelogFeed
from graphql_api.feeds.lines import LineFeed
from graphql_api.feeds.replays import ReplayFeed
from graphql_api.feeds.summaries import SummaryFeed
from graphql_api.feeds.triages import TriageFeed
from graphql_api.gate import Gate
from graphql_api.http import JSON, REQUEST_ID, GraphQLHandler, error_body, response
from graphql_api.limits import DocumentLimits
from graphql_api.live import Listener
from graphql_api.logs import LogEntry
from graphql_api.producer import EndOffsets, Producer
from graphql_api.rates import CostRates
from graphql_api.schema import SCHEMA
from graphql_api.similar_tickets import SimilarTickets
from graphql_api.sockets import SocketHandler, is_foreign
from graphql_api.store.database import Database
from graphql_api.store.lines import LineReader
from graphql_api.subscriptions import SubscriptionHub
from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.telemetry import REQUEST_SECONDS

MAX_BODY_BYTES: Final = 1024 * 1024
SERVICES: Final = web.AppKey("services", Services)
DASHBOARD: Final = Path(__file__).resolve().parents[1] / "dashboard" / "dist"
_CODES: Final = {
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
}
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
}

log = structlog.get_logger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_app(settings: Settings) -> web.Application:
    """Return the application; it starts, and stays up, without the broker and the database.

    Raises:
        ConfigError: the signing key cannot be read.
    """
    services = make_services(settings)
    engine = Engine(
        SCHEMA,
        limits=DocumentLimits(),
        max_cost=settings.api_max_cost,
        # A mutation may wait for the broker and then for the stream.
        timeout_s=max(settings.api_request_timeout_s, 2 * settings.submit_timeout_s + 5),
    )
    gate = Gate(engine, CostRates(settings.api_cost_per_second))
    handler = GraphQLHandler(services, gate)
    sockets = SocketHandler(services, gate, SubscriptionHub(SCHEMA))
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_answering()])
    app[SERVICES] = services
    app.cleanup_ctx.append(_running)
    app.on_shutdown.append(lambda _: sockets.close())
    app.router.add_route("*", "/graphql", _graphql_handler(handler, sockets, settings))
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/.well-known/jwks.json", _jwks_handler(services))
    if DASHBOARD.is_dir():
        app.router.add_get("/", _dashboard)
        app.router.add_static("/", DASHBOARD)
    return app


def _graphql_handler(
    handler: GraphQLHandler, sockets: SocketHandler, settings: Settings
) -> Handler:
    allowed = frozenset(one.strip() for one in settings.api_allowed_origins.split(",")) - {""}

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await handler.handle(request)
        if is_foreign(request, allowed):
            error = ApiError(ErrorCode.FORBIDDEN, "pages of other sites may not open sockets")
            return response(error_body(error), 403, JSON)
        return await sockets.handle(request)

    return handle


def make_services(settings: Settings) -> Services:
    """Return the services, none of them connected yet.

    Raises:
        ConfigError: a signing key cannot be read.
    """
    database = Database(
        settings.postgres_dsn,
        max_connections=settings.api_max_connections,
        statement_timeout_s=settings.api_request_timeout_s,
    )
    current, previous = _signing_keys(settings)
    tokens = AccessTokens(current, previous, settings.api_access_token_s)
    passwords = Passwords()
    listener = Listener(settings.postgres_dsn, max_waiters=settings.api_max_waiters)
    options = issuer_options(settings)
    external = ExternalIssuer(options) if options else None
    access = Access(database, tokens, lambda: listener.is_connected, external)
    listener.on_access.append(access.forget)
    listener.on_reconnect.append(access.forget)
    return Services(
        settings=settings,
        database=database,
        producer=Producer(settings.kafka_bootstrap),
        end_offsets=EndOffsets(settings.kafka_bootstrap),
        listener=listener,
        passwords=passwords,
        tokens=tokens,
        access=access,
        sessions=Sessions(
            database, tokens, passwords, lifetime=timedelta(days=settings.api_session_days)
        ),
        lines=LineReader(database, LogEntry.from_line, cache_lines=settings.api_cache_lines),
        line_feed=LineFeed(database, listener, LogEntry.from_line),
        summary_feed=SummaryFeed(database, listener),
        changelog_feed=ChangelogFeed(database, listener),
        # One at a time: it is Python code, which two threads do not make faster.
        generating=asyncio.Semaphore(1),
        triage_feed=TriageFeed(database, listener),
        replay_feed=ReplayFeed(database, listener),
        similar_tickets=SimilarTickets(database, max_tickets=settings.api_similar_tickets),
    )


def _signing_keys(settings: Settings) -> tuple[SigningKey, Sequence[SigningKey]]:
    previous = [
        load_signing_key(path.strip(), setting="AIOPS_API_PREVIOUS_SIGNING_KEYS")
        for path in settings.api_previous_signing_keys.split(",")
        if path.strip()
    ]
    if settings.api_signing_key:
        return load_signing_key(settings.api_signing_key, setting="AIOPS_API_SIGNING_KEY"), previous
    if settings.api_processes > 1:
        raise ConfigError("several processes need one key", setting="AIOPS_API_SIGNING_KEY")
    log.warning("signing_key_ephemeral", hint="set AIOPS_API_SIGNING_KEY to a PEM file")
    return signing_key(Ed25519PrivateKey.generate(), setting="AIOPS_API_SIGNING_KEY"), previous


async def _running(app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    await services.database.open()
    services.listener.start()
    yield
    await services.line_feed.close()
    await services.summary_feed.close()
    await services.changelog_feed.close()
    await services.triage_feed.close()
    await services.replay_feed.close()
    await services.similar_tickets.close()
    await services.access.close()
    await services.listener.close()
    await services.producer.close()
    await services.end_offsets.close()
    await services.passwords.close()
    await services.database.close()


@cache
def _request_seconds(route: str, status: int) -> Histogram:
    """Return the metric's child; finding it takes longer than the observation."""
    return REQUEST_SECONDS.labels(route=route, status=str(status))


def _answering() -> Middleware:
    # Bound once: for a logger that is not, each line makes a new one.
    bound_log = log.bind()

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give each request an id, each failure a coded body, each answer one line in the log."""
        request[REQUEST_ID] = request_id = token_hex(16)
        started = time.perf_counter()
        answer = await _guarded(request, handler)
        duration_s = time.perf_counter() - started
        if not answer.prepared:
            answer.headers["X-Request-Id"] = request_id
            for name, value in _HEADERS.items():
                answer.headers.setdefault(name, value)
        route = request.match_info.route.resource
        name = route.canonical if route else "unknown"
        _request_seconds(name, answer.status).observe(duration_s)
        bound_log.info(
            "request_answered",
            request_id=request_id,
            route=name,
            method=request.method,
            status=answer.status,
            duration_s=round(duration_s, 6),
        )
        return answer

    return answered


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as exc:
        code = _CODES.get(exc.status, ErrorCode.BAD_REQUEST)
        allow = exc.headers.get("Allow")
        headers = {"Allow": allow} if allow else {}
        return response(error_body(ApiError(code, exc.reason)), exc.status, JSON, headers)
    except Exception as exc:  # noqa: BLE001 - the top of a request
        # No traceback: an exception's text may hold what the client sent.
        event = {"request_id": request[REQUEST_ID], "error": type(exc).__name__}
        log.error("request_failed", **event)  # noqa: TRY400
        return response(error_body(internal_error(request[REQUEST_ID])), 500, JSON)


async def _healthz(_request: web.Request) -> web.Response:
    return response({"status": "alive"}, 200, JSON)


async def _readyz(request: web.Request) -> web.Response:
    """Say whether Postgres is there and migrated, and whether notifications arrive."""
    services = request.app[SERVICES]
    problem = None
    try:
        await services.database.check_ready()
    except (ApiError, ConfigError) as exc:
        problem = str(exc)
    if problem is None and not services.listener.is_connected:
        problem = "not listening to the database yet"
    if problem is None and not await services.producer.is_reachable(timeout_s=2.0):
        problem = "the broker is away"
    if problem is None:
        return response({"status": "ready"}, 200, JSON)
    return response({"status": "not ready", "problem": problem}, 503, JSON)


async def _metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _jwks_handler(services: Services) -> Handler:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return response(services.tokens.jwks(), 200, JSON)

    return handle


async def _dashboard(_request: web.Request) -> web.StreamResponse:
    return web.FileResponse(DASHBOARD / "index.html")
