"""Every coded error of the API; anything else is masked as INTERNAL with the request's id."""

from enum import StrEnum
from typing import Final

from graphql import GraphQLError, VariableDefinitionNode, print_ast

from schemas.errors import AiOpsError


class ErrorCode(StrEnum):
    """The values of `extensions.code`; docs/errors.md explains each."""

    BAD_REQUEST = "BAD_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    NOT_FOUND = "NOT_FOUND"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    DOCUMENT_LIMIT_EXCEEDED = "DOCUMENT_LIMIT_EXCEEDED"
    COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    CONFLICT = "CONFLICT"
    QUERY_TOO_BROAD = "QUERY_TOO_BROAD"
    BROKER_UNAVAILABLE = "BROKER_UNAVAILABLE"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    INTERNAL = "INTERNAL"


class ApiError(AiOpsError):
    """A failure that the client is told about: a code, a sentence, and more members if useful."""

    def __init__(self, code: ErrorCode, message: str, **details: str | int | float) -> None:
        self.code = code
        self.message = message
        self.details = details
        super().__init__(message)

    def formatted(self) -> dict[str, object]:
        """Return the error as it stands in a response."""
        return {"message": self.message, "extensions": {"code": self.code.value, **self.details}}


UNAUTHENTICATED_MESSAGE: Final = "Log in first: send a token in the Authorization header."


def unauthenticated(message: str = UNAUTHENTICATED_MESSAGE) -> ApiError:
    """Return the error for a missing, expired, revoked or forged token."""
    return ApiError(ErrorCode.UNAUTHENTICATED, message)


def bad_input(message: str, argument: str) -> ApiError:
    """Return the error for an argument's value that the schema's types cannot refuse."""
    return ApiError(ErrorCode.BAD_USER_INPUT, message, argument=argument)


def internal_error(request_id: str) -> ApiError:
    """Return what a client learns of an unexpected exception: the request's id, to ask by."""
    return ApiError(ErrorCode.INTERNAL, "internal error", requestId=request_id)


def from_graphql_error(error: GraphQLError, fallback: ErrorCode) -> dict[str, object]:
    """Return a library's error as a response has it, coded `fallback` unless it is one of ours."""
    formatted: dict[str, object] = {"message": error.message}
    if error.locations:
        formatted["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    if error.path is not None:
        formatted["path"] = error.path
    original = error.original_error
    if isinstance(original, ApiError):
        return {**formatted, **original.formatted()}
    return {**formatted, "extensions": {"code": fallback.value}}


def unfit(error: GraphQLError) -> dict[str, object]:
    """Return the library's refusal of a value without the value, which may be a secret."""
    node = error.nodes[0] if error.nodes else None
    message = "an argument's value is not of its type"
    if isinstance(node, VariableDefinitionNode):
        message = f"${node.variable.name.value} must be given as {print_ast(node.type)}"
    return {**from_graphql_error(error, ErrorCode.BAD_USER_INPUT), "message": message}


def masked(error: GraphQLError, request_id: str) -> dict[str, object]:
    """Return what a client learns of an unexpected exception: where, and the request's id."""
    formatted = internal_error(request_id).formatted()
    if error.path is not None:
        formatted["path"] = error.path
    return formatted
