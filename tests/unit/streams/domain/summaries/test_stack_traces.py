import pytest

from schemas.summaries import StackTrace
from streams.domain.summaries.stack_traces import fold_stack_trace

JAVA = """Request failed
java.lang.RuntimeException: order 17 not stored
\tat org.springframework.web.Servlet.service(Servlet.java:12)
\tat com.acme.shop.OrderController.store(OrderController.java:88)
Caused by: java.sql.SQLException: connection closed
\tat com.mysql.cj.Driver.connect(Driver.java:3)
\t... 40 more"""
PYTHON = """Traceback (most recent call last):
  File "/app/shop/main.py", line 10, in run
    handle()
  File "/app/shop/orders.py", line 22, in handle
    client.get()
  File "/usr/lib/python3.11/site-packages/requests/api.py", line 3, in get
    raise ConnectionError("refused")
requests.exceptions.ConnectionError: refused"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at next (/srv/node_modules/express/lib/router.js:1:2)
    at loadCart (/srv/app/cart.js:14:9)"""
GO = """panic: assignment to entry in nil map

goroutine 1 [running]:
main.store(...)
\t/usr/local/go/src/runtime/map.go:1 +0x1
\t/srv/app/store.go:19 +0x1d"""
NET = """Unhandled exception. System.InvalidOperationException: Sequence contains no elements
   at System.Linq.ThrowHelper.ThrowNoElementsException()
   at Acme.Shop.Cart.Total() in /src/Cart.cs:line 9"""


@pytest.mark.parametrize(
    ("body", "exception", "frame"),
    [
        (
            JAVA,
            "java.sql.SQLException",
            "com.acme.shop.OrderController.store(OrderController.java:88)",
        ),
        (
            PYTHON,
            "requests.exceptions.ConnectionError",
            '"/app/shop/orders.py", line 22, in handle',
        ),
        (NODE, "TypeError", "loadCart (/srv/app/cart.js:14:9)"),
        (GO, "panic", "/srv/app/store.go:19"),
        (NET, "System.InvalidOperationException", "Acme.Shop.Cart.Total()"),
    ],
)
def test_a_trace_folds_to_its_cause_and_the_first_own_frame(
    body: str, exception: str, frame: str
) -> None:
    assert fold_stack_trace(body) == StackTrace(exception=exception, frame=frame)


@pytest.mark.parametrize("body", ["ValueError: bad", "first line\nsecond line", "a:\n  b: 1\n"])
def test_what_is_no_trace_is_not_folded(body: str) -> None:
    assert fold_stack_trace(body) is None


def test_an_exception_without_frames_has_no_frame() -> None:
    body = "could not start\nValueError: bad port"

    assert fold_stack_trace(body) == StackTrace(exception="ValueError", frame=None)
