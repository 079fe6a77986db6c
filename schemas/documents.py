"""Stored JSON documents, also those that an earlier release wrote."""

from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import inspect

_D = TypeVar("_D")

_EMPTY: Final[dict[type[inspect.Type], Any]] = {
    inspect.BoolType: False,
    inspect.IntType: 0,
    inspect.FloatType: 0.0,
    inspect.StrType: "",
}


class DocumentDecoder(Generic[_D]):
    """Decodes documents of one kind.

    A member that the document's writer did not know yet is empty: null where that is allowed, else
    zero, false, no text, no elements. It is filled when the document is written anew.
    """

    def __init__(self, kind: type[_D]) -> None:
        self._kind = kind
        self._decode = msgspec.json.Decoder(kind).decode

    def decode(self, document: bytes) -> _D:
        """Return the document.

        Raises:
            msgspec.MsgspecError: it is broken, and not merely older.
        """
        try:
            return self._decode(document)
        except msgspec.ValidationError:
            completed = _completed(msgspec.json.decode(document), inspect.type_info(self._kind))
            return msgspec.convert(completed, self._kind)


def _completed(value: Any, kind: inspect.Type) -> Any:
    """Return a value with the members that it lacks."""
    if isinstance(kind, inspect.UnionType):
        fitting = [one for one in kind.types if isinstance(one, inspect.StructType)]
        return _completed(value, fitting[0]) if fitting else value
    if isinstance(value, dict):
        return _completed_object(value, kind)
    if isinstance(value, list) and isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return [_completed(one, kind.item_type) for one in value]
    return value


def _completed_object(value: dict[str, Any], kind: inspect.Type) -> dict[str, Any]:
    if isinstance(kind, inspect.DictType):
        return {name: _completed(one, kind.value_type) for name, one in value.items()}
    if not isinstance(kind, inspect.StructType):
        return value
    fields = {one.encode_name: one for one in kind.fields}
    given = {
        name: _completed(one, fields[name].type) for name, one in value.items() if name in fields
    }
    missing = {
        name: _empty(one.type) for name, one in fields.items() if name not in value and one.required
    }
    return given | missing


def _empty(kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.StructType):
        return _completed_object({}, kind)
    if isinstance(kind, inspect.DictType):
        return {}
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return []
    # Null, which a kind that does not allow it refuses.
    return _EMPTY.get(type(kind))
