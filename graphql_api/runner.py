"""Runs the application; what is no HTTP gets a typed answer too, and no line of it is logged."""

import structlog
from aiohttp import web

from graphql_api.errors import ApiError, ErrorCode
from graphql_api.http import JSON, error_body, response

log = structlog.get_logger(__name__)


class TypedProtocol(web.RequestHandler):
    """Answers malformed HTTP as any other malformed request."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer; the library's would hold the client's bytes, as would its log line."""
        log.warning("http_malformed", status=status, error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been sent already")
        code = ErrorCode.INTERNAL if status >= 500 else ErrorCode.BAD_REQUEST
        answer = response(error_body(ApiError(code, "the request is malformed")), status, JSON)
        answer.force_close()
        return answer


class TypedServer(web.Server):
    """Makes a protocol for each connection."""

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return TypedProtocol(self, loop=self._loop, **self._kwargs)


class ApiRunner(web.AppRunner):
    """Runs the application on a typed server."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        # aiohttp has no setting for the class; the instance is as new as it gets.
        server.__class__ = TypedServer
        return server
