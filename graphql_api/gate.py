"""What every operation passes before it runs, over HTTP and sockets alike."""

from graphql_api import anonymous
from graphql_api.context import RequestContext
from graphql_api.engine import Answer, Engine, GraphQLRequest, InvalidDocumentError, Prepared
from graphql_api.errors import ApiError, ErrorCode, from_graphql_error, unauthenticated
from graphql_api.plans import OperationPlan
from graphql_api.rates import CostRates


class Admitted:
    """An operation that may run: its document, its plan, its declared cost."""

    def __init__(self, prepared: Prepared, plan: OperationPlan, cost: int) -> None:
        self.prepared = prepared
        self.plan = plan
        self.cost = cost


class RefusedError(Exception):
    """The operation may not run; the answer says why."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__("refused")


class Gate:
    """Admits operations: open ones for everybody, the rest by limits, policy, cost and rate."""

    def __init__(self, engine: Engine, rates: CostRates) -> None:
        self.engine = engine
        self._rates = rates

    def admit(self, asked: GraphQLRequest, context: RequestContext) -> Admitted:
        """Return the admitted operation.

        Raises:
            RefusedError: the document is invalid, too large, too dear or not for the sender.
        """
        is_anonymous = context.principal.is_anonymous
        try:
            if is_anonymous and anonymous.open_operation(asked.query) is None:
                raise unauthenticated()
            prepared = self.engine.prepare(asked.query)
            plan = prepared.plan(asked.operation_name)
            cost = self.engine.authorize(plan, context.principal, asked.variables or {})
            self._rates.spend(_spender(context), cost)
        except InvalidDocumentError as invalid:
            # What is wrong with an anonymous document would tell of the schema.
            refused = _of(unauthenticated()) if is_anonymous else _invalid(invalid)
            raise RefusedError(refused) from invalid
        except ApiError as error:
            raise RefusedError(_of(error)) from error
        return Admitted(prepared, plan, cost)

    async def answer(
        self, admitted: Admitted, asked: GraphQLRequest, context: RequestContext
    ) -> Answer:
        """Execute an admitted query or mutation."""
        try:
            answer = await self.engine.answer(admitted.prepared, asked, context, admitted.cost)
        except ApiError as error:
            return _of(error)
        if context.principal.is_anonymous:
            answer.body.pop("extensions", None)
        return answer


def _spender(context: RequestContext) -> str:
    """Return who pays: a sender, or an address while nobody has logged in."""
    if context.principal.is_anonymous:
        return f"address:{context.origin.address}"
    return context.principal.subject


def _of(error: ApiError) -> Answer:
    return Answer(body={"errors": [error.formatted()]}, is_request_error=True)


def _invalid(invalid: InvalidDocumentError) -> Answer:
    code = ErrorCode.GRAPHQL_VALIDATION_FAILED
    errors = [from_graphql_error(error, code) for error in invalid.errors]
    return Answer(body={"errors": errors}, is_request_error=True)
