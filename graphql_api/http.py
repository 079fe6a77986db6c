"""GraphQL over HTTP: content negotiation, bodies, status codes, anonymous requests."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from aiohttp import web

from graphql_api import anonymous
from graphql_api.auth.principal import Origin, Principal
from graphql_api.context import RequestContext, Services
from graphql_api.engine import Answer, GraphQLRequest, is_mutation, is_subscription
from graphql_api.errors import ApiError, ErrorCode, unauthenticated
from graphql_api.gate import Gate, RefusedError
from graphql_api.wire import encoded

REQUEST_ID: Final = web.RequestKey("request_id", str)
JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
_MEDIA_TYPE: Final = re.compile(
    r'application/json(?:\s*;\s*charset\s*=\s*"?utf-8"?)?', re.IGNORECASE | re.ASCII
)
_QUALITY: Final = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_RANGES: Final = {
    "application/json": JSON,
    "application/graphql-response+json": GRAPHQL_JSON,
    "application/*": JSON,
    "*/*": JSON,
}
_MAX_ACCEPT: Final = 2_000
# Statuses under application/graphql-response+json; under application/json a well-formed request
# is answered with 200.
_STATUS: Final = {
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.DATABASE_UNAVAILABLE: 503,
    ErrorCode.BROKER_UNAVAILABLE: 503,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.INTERNAL: 500,
}


class HttpError(Exception):
    """A request that is refused before GraphQL: its status under any media type."""

    def __init__(self, status: int, error: ApiError, headers: Mapping[str, str] | None = None):
        self.status = status
        self.error = error
        self.headers = dict(headers or {})
        super().__init__(error.message)


def error_body(error: ApiError) -> dict[str, object]:
    """Return the body that tells of one error."""
    return {"errors": [error.formatted()]}


# Clients send few different headers, and each its own always.
@lru_cache
def negotiated(accept: str | None) -> str:
    """Return the media type to answer with.

    Raises:
        HttpError: 406, the client takes neither.
    """
    if accept is None or not accept.strip():
        return JSON
    best: tuple[float, str] | None = None
    for part in accept[:_MAX_ACCEPT].split(","):
        offered = _RANGES.get(part.partition(";")[0].strip().lower())
        quality = _QUALITY.search(part)
        weight = float(quality[1]) if quality else 1.0
        if offered is not None and weight > 0 and (best is None or weight > best[0]):
            best = (weight, offered)
    if best is None:
        raise HttpError(
            406, ApiError(ErrorCode.NOT_ACCEPTABLE, f"answers are {JSON} or {GRAPHQL_JSON}")
        )
    return best[1]


def bad_request(message: str) -> HttpError:
    """Return the error for a malformed request."""
    return HttpError(400, ApiError(ErrorCode.BAD_REQUEST, message))


async def read_request(request: web.Request) -> GraphQLRequest:
    """Return the operation in a request.

    Raises:
        HttpError: it is malformed, or too large.
    """
    if request.method == "GET":
        return _checked(_query_parameters(request))
    if not _is_json(request.headers.get("Content-Type", "")):
        raise HttpError(
            415, ApiError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"the body must be {JSON} in UTF-8")
        )
    try:
        decoded = orjson.loads(await _body(request))
    except orjson.JSONDecodeError as exc:
        raise bad_request("the body is not valid JSON in UTF-8") from exc
    except web.RequestPayloadError as exc:
        # Where the next request starts is not known.
        refused = bad_request("the body is not encoded as its headers say")
        refused.headers["Connection"] = "close"
        raise refused from exc
    return _checked(decoded)


@lru_cache
def _is_json(content_type: str) -> bool:
    return _MEDIA_TYPE.fullmatch(content_type.strip()) is not None


async def _body(request: web.Request) -> bytes:
    """Return the body; one that has come with its headers, as most do, takes no waiting."""
    if not request.content.is_eof():
        return await request.read()
    body = request.content.read_nowait()
    if len(body) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size, len(body))
    return body


def _query_parameters(request: web.Request) -> dict[str, object]:
    parameters: dict[str, object] = dict(request.query)
    for name in ("variables", "extensions"):
        text = parameters.get(name)
        if isinstance(text, str):
            try:
                parameters[name] = orjson.loads(text) if text else None
            except orjson.JSONDecodeError as exc:
                raise bad_request(f"{name} is not valid JSON") from exc
    return parameters


def _checked(decoded: object) -> GraphQLRequest:
    if not isinstance(decoded, dict):
        raise bad_request("the body must be a JSON object; batches are not served")
    query = decoded.get("query")
    if not isinstance(query, str) or not query.strip():
        raise bad_request("query must be a string with a GraphQL document")
    name = decoded.get("operationName")
    if name is not None and not isinstance(name, str):
        raise bad_request("operationName must be a string or null")
    for member in ("variables", "extensions"):
        if not isinstance(decoded.get(member), dict | None):
            raise bad_request(f"{member} must be an object or null")
    return GraphQLRequest(
        query=query, variables=decoded.get("variables"), operation_name=name or None
    )


class GraphQLHandler:
    """Answers requests to /graphql."""

    def __init__(self, services: Services, gate: Gate) -> None:
        self._services = services
        self._gate = gate

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; every failure is a body with a coded error."""
        media_type = JSON
        try:
            principal = await self._principal(request)
            media_type = negotiated(request.headers.get("Accept"))
            if request.method not in ("GET", "POST"):
                raise _method_not_allowed()
            asked = await read_request(request)
            answer = await self._answer(request, asked, principal)
        except HttpError as refused:
            return response(error_body(refused.error), refused.status, media_type, refused.headers)
        return response(answer.body, _status(answer, media_type), media_type)

    async def _principal(self, request: web.Request) -> Principal:
        headers = request.headers.getall("Authorization", [])
        try:
            if len(headers) > 1:
                raise unauthenticated("more than one Authorization header")
            return await self._services.access.authenticate(headers[0] if headers else None)
        except ApiError as refused:
            if refused.code is ErrorCode.DATABASE_UNAVAILABLE:
                raise HttpError(503, refused, {"Retry-After": "1"}) from refused
            raise HttpError(
                401, refused, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            ) from refused

    async def _answer(
        self, request: web.Request, asked: GraphQLRequest, principal: Principal
    ) -> Answer:
        if principal.is_anonymous and anonymous.open_operation(asked.query) == anonymous.TYPE:
            return Answer(body={"data": {"__type": None}}, is_request_error=False)
        context = RequestContext(
            services=self._services,
            principal=principal,
            origin=Origin(request_id=request[REQUEST_ID], address=request.remote or ""),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )
        try:
            admitted = self._gate.admit(asked, context)
        except RefusedError as refused:
            return refused.answer
        if request.method == "GET" and is_mutation(admitted.plan):
            raise _method_not_allowed("POST")
        if is_subscription(admitted.plan):
            raise bad_request("subscriptions are served over WebSockets")
        return await self._gate.answer(admitted, asked, context)


def _method_not_allowed(allowed: str = "GET, POST") -> HttpError:
    error = ApiError(ErrorCode.METHOD_NOT_ALLOWED, f"use {allowed}")
    return HttpError(405, error, {"Allow": allowed})


def _status(answer: Answer, media_type: str) -> int:
    if media_type == JSON or not answer.is_request_error:
        return 200
    errors: Any = answer.body["errors"]
    return _STATUS.get(errors[0]["extensions"]["code"], 400)


def response(
    body: object, status: int, media_type: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a response with a JSON body."""
    answer = web.Response(
        body=encoded(body),
        status=status,
        headers={"Content-Type": f"{media_type}; charset=utf-8", **(headers or {})},
    )
    if "Connection" in answer.headers:
        answer.force_close()
    return answer
