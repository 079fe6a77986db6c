"""JSON numbers that keep the digits they were written with."""


class Number(float):
    """A JSON number with a fraction or an exponent, and its digits: a time needs all of them."""

    __slots__ = ("digits",)
    digits: str

    def __new__(cls, digits: str) -> "Number":
        """Read the digits; out of range is infinity, as in any JSON reader."""
        number = super().__new__(cls, digits)
        number.digits = digits
        return number
