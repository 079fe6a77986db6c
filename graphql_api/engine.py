"""From the text of a document to an answer: limits, validation, policy, cost, execution."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

import asyncpg
import msgspec
import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
    validate,
)
from strawberry.execution import optimized_is_awaitable

from graphql_api.auth.policy import denied
from graphql_api.auth.principal import Principal
from graphql_api.context import RequestContext
from graphql_api.direct_queries import DirectQuery, QueryCompiler, compile_query
from graphql_api.errors import ApiError, ErrorCode, from_graphql_error, masked, unfit
from graphql_api.fast_lists import FastListExecutor
from graphql_api.limits import DocumentLimits, parse_limited
from graphql_api.plans import OperationPlan, plan_operation
from graphql_api.store.loans import database_unavailable, is_database_away
from graphql_api.time_limits import TimeLimit

_MAX_VALIDATION_ERRORS: Final = 5
_CACHED_DOCUMENTS: Final = 256
# Larger documents are likely to hold literals, and log text must not stay in memory.
_CACHED_CHARACTERS: Final = 4_096
_NUL: Final = re.compile(r"\0|\\u0000|\\u\{0+\}")

log = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to an operation; `is_request_error` means that nothing was executed."""

    body: dict[str, object]
    is_request_error: bool


class GraphQLRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks, decoded."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


class Prepared(msgspec.Struct, frozen=True):
    """A valid document with the plans of its operations by name, and the direct ways there are."""

    document: DocumentNode
    plans: dict[str, OperationPlan]
    direct: dict[str, DirectQuery]

    def plan(self, operation_name: str | None) -> OperationPlan:
        """Return the operation to execute.

        Raises:
            ApiError: there is none of this name, or several and no name.
        """
        if operation_name is not None:
            found = self.plans.get(operation_name)
            if found is None:
                raise ApiError(ErrorCode.BAD_REQUEST, "there is no operation of this name")
            return found
        if len(self.plans) != 1:
            raise ApiError(ErrorCode.BAD_REQUEST, "operationName must say which operation")
        return next(iter(self.plans.values()))

    def direct_query(self, operation_name: str | None) -> DirectQuery | None:
        """Return the direct way to the answer of the operation to execute, if there is one."""
        return self.direct.get(operation_name or next(iter(self.plans)))


class InvalidDocumentError(Exception):
    """The document does not fit the schema."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors
        super().__init__("invalid document")


class Engine:
    """Prepares documents and executes operations."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: DocumentLimits,
        max_cost: int,
        timeout_s: float,
        executor_class: type[Executor[Any]] = FastListExecutor,
        compile_direct: QueryCompiler = compile_query,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._max_cost = max_cost
        self._time_limit = TimeLimit(timeout_s)
        self._executor_class = executor_class
        self._compile_direct = compile_direct
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()

    def prepare(self, text: str) -> Prepared:
        """Return a document that is within the limits and fits the schema.

        Raises:
            ApiError: it does not parse or is beyond a limit.
            InvalidDocumentError: it does not fit the schema.
        """
        known = self._prepared.get(text)
        if known is not None:
            self._prepared.move_to_end(text)
            return known
        prepared = self._prepare(text)
        if len(text) <= _CACHED_CHARACTERS:
            self._prepared[text] = prepared
            if len(self._prepared) > _CACHED_DOCUMENTS:
                self._prepared.popitem(last=False)
        return prepared

    def _prepare(self, text: str) -> Prepared:
        document = parse_limited(text, self._limits)
        if _NUL.search(text):
            raise ApiError(ErrorCode.BAD_USER_INPUT, "text may not hold a NUL character")
        errors = validate(self._schema, document, max_errors=_MAX_VALIDATION_ERRORS)
        if errors:
            raise InvalidDocumentError(errors)
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        operations = {
            node.name.value if node.name else "": node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        plans = {
            name: plan_operation(self._schema, node, fragments) for name, node in operations.items()
        }
        direct = {
            name: self._compile_direct(self._schema, node) for name, node in operations.items()
        }
        return Prepared(document, plans, {name: way for name, way in direct.items() if way})

    def authorize(
        self, plan: OperationPlan, principal: Principal, variables: Mapping[str, Any]
    ) -> int:
        """Return the operation's cost if the sender may run it.

        Raises:
            ApiError: a field is not for the sender, or the cost is over the limit.
        """
        refused = denied(plan.coordinates, principal.role)
        if refused:
            raise ApiError(
                ErrorCode.FORBIDDEN,
                f"your role may not use {', '.join(refused[:3])}",
                field=refused[0],
            )
        if variables and _holds_nul(variables):
            raise ApiError(ErrorCode.BAD_USER_INPUT, "text may not hold a NUL character")
        cost = plan.cost(variables)
        if cost > self._max_cost:
            raise ApiError(
                ErrorCode.COST_LIMIT_EXCEEDED,
                f"the operation may cost {cost}, at most {self._max_cost} is allowed",
                cost=cost,
                allowed=self._max_cost,
            )
        return cost

    async def answer(
        self, prepared: Prepared, request: GraphQLRequest, context: RequestContext, cost: int
    ) -> Answer:
        """Execute an operation that was authorized."""
        limit = self._time_limit.start()
        try:
            async with limit:
                result = await self._result(prepared, request, context)
        except TimeoutError:
            raise ApiError(ErrorCode.TIMEOUT, "the operation took too long") from None
        finally:
            self._time_limit.stop(limit)
        return self.answer_of(result, context, cost)

    async def _result(
        self, prepared: Prepared, request: GraphQLRequest, context: RequestContext
    ) -> ExecutionResult:
        direct = prepared.direct_query(request.operation_name)
        result = await direct.execute(context, request.variables) if direct else None
        if result is None:
            result = await self._execute(prepared.document, request, context)
        return result

    async def _execute(
        self, document: DocumentNode, request: GraphQLRequest, context: RequestContext
    ) -> ExecutionResult:
        result = execute(
            self._schema,
            document,
            context_value=context,
            variable_values=request.variables,
            operation_name=request.operation_name,
            executor_class=self._executor_class,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]  # it guards too
        )
        return result if isinstance(result, ExecutionResult) else await result

    def answer_of(self, result: ExecutionResult, context: RequestContext, cost: int) -> Answer:
        """Return the body of a result, its errors coded or masked."""
        errors = [described(error, context.origin.request_id) for error in result.errors or ()]
        # Errors without a path come from before the execution: variables that do not fit.
        if result.data is None and errors and all("path" not in error for error in errors):
            return Answer(body={"errors": errors}, is_request_error=True)
        body: dict[str, object] = {"data": result.data}
        if errors:
            body["errors"] = errors
        body["extensions"] = {"cost": cost}
        return Answer(body=body, is_request_error=False)


def described(error: GraphQLError, request_id: str) -> dict[str, object]:
    """Return an execution's error: ours as they are, known ones coded, the rest masked."""
    original = error.original_error
    if original is None:
        return from_graphql_error(error, ErrorCode.BAD_USER_INPUT)
    if isinstance(original, GraphQLError):
        return unfit(error)
    if isinstance(original, ApiError):
        return from_graphql_error(error, original.code)
    known = _known(original)
    if known is not None:
        path = {} if error.path is None else {"path": error.path}
        return {**known.formatted(), **path}
    log.error(
        "resolver_failed",
        request_id=request_id,
        path=error.path,
        error=type(original).__name__,
        # The traceback has code, not values: no frame's locals, no message.
        where=_where(original),
    )
    return masked(error, request_id)


def _known(error: Exception) -> ApiError | None:
    if is_database_away(error):
        return database_unavailable()
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return ApiError(ErrorCode.TIMEOUT, "the operation took too long")
    if isinstance(error, asyncpg.DataError):
        return ApiError(ErrorCode.BAD_USER_INPUT, "a value is out of range")
    return None


def _where(error: BaseException) -> str:
    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return " ".join(frames[-4:])


def _holds_nul(variables: Mapping[str, object]) -> bool:
    """Tell whether a text in the variables, however deep, has a NUL character."""
    waiting: list[object] = [variables]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\0" in value:
            return True
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def is_mutation(plan: OperationPlan) -> bool:
    """Tell whether an operation changes something."""
    return plan.kind is OperationType.MUTATION


def is_subscription(plan: OperationPlan) -> bool:
    """Tell whether an operation goes on until it is ended."""
    return plan.kind is OperationType.SUBSCRIPTION
