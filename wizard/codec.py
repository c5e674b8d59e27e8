"""Frozen dataclasses to JSON values and back, by their declared types.

For journals and saved facts: tuples, mappings with text keys, optional values, literals, nested
dataclasses, and unions of dataclasses (told apart by "kind": the class's name). Anything that
does not fit its declared type raises `CodecError`, which names the place.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")
JsonValue = Any


class CodecError(ValueError):
    """A JSON value does not have the shape that its type declares."""


def encode(value: object, declared: object | None = None) -> JsonValue:
    """The JSON value of `value`, a dataclass or what one may hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = _hints(type(value))
        body = {
            field.name: encode(getattr(value, field.name), hints[field.name])
            for field in dataclasses.fields(value)
        }
        if declared is not None and len(_classes(declared)) > 1:
            return {"kind": type(value).__name__, **body}
        return body
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple() | list():
            inner = get_args(declared)
            return [encode(item, inner[0] if inner else None) for item in value]
        case Mapping():
            inner = get_args(declared)
            return {key: encode(item, inner[1] if inner else None) for key, item in value.items()}
    raise CodecError(f"{type(value).__name__} cannot be written as JSON")


def decode(declared: type[T], value: JsonValue, place: str = "$") -> T:
    """The object of the declared type that a JSON value stands for; `CodecError` if none."""
    result: T = _decode(declared, value, place)
    return result


def _decode(declared: Any, value: JsonValue, place: str) -> Any:
    origin = get_origin(declared)
    if declared is Any:
        return value
    if origin is Literal:
        # True is 1 to Python, and not to JSON.
        if not any(type(value) is type(one) and value == one for one in get_args(declared)):
            raise CodecError(f"{place}: {value!r} is not one of {get_args(declared)!r}")
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(declared, value, place)
    if dataclasses.is_dataclass(declared):
        return _decode_dataclass(declared, value, place)
    if origin is tuple:
        if not isinstance(value, list):
            raise CodecError(f"{place}: a list was expected")
        inner = get_args(declared)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(
                _decode(inner[0], item, f"{place}[{index}]") for index, item in enumerate(value)
            )
        if len(inner) != len(value):
            raise CodecError(f"{place}: {len(inner)} items were expected, not {len(value)}")
        return tuple(
            _decode(kind, item, f"{place}[{index}]")
            for index, (kind, item) in enumerate(zip(inner, value, strict=True))
        )
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise CodecError(f"{place}: an object was expected")
        inner = get_args(declared)
        return {key: _decode(inner[1], item, f"{place}.{key}") for key, item in value.items()}
    if declared is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if declared is type(None):
        declared = types.NoneType
    if not isinstance(declared, type):
        raise CodecError(f"{place}: {declared!r} is not a type that can be read from JSON")
    if not isinstance(value, declared) or (declared is int and isinstance(value, bool)):
        raise CodecError(f"{place}: {declared.__name__} was expected, not {value!r:.60}")
    return value


def _decode_union(declared: Any, value: JsonValue, place: str) -> Any:
    if value is None and types.NoneType in get_args(declared):
        return None
    classes = _classes(declared)
    if isinstance(value, dict) and len(classes) > 1:
        for candidate in classes:
            if candidate.__name__ == value.get("kind"):
                return _decode(candidate, value, place)
        raise CodecError(f"{place}: kind {value.get('kind')!r} is not known")
    for member in get_args(declared):
        if member is types.NoneType:
            continue
        try:
            return _decode(member, value, place)
        except CodecError as error:
            last = error
    raise last


def _decode_dataclass(declared: Any, value: JsonValue, place: str) -> Any:
    if not isinstance(value, dict):
        raise CodecError(f"{place}: an object was expected")
    hints, needed = _hints(declared), _needed(declared)
    for key in value:
        if key not in hints and key != "kind":
            raise CodecError(f"{place}: {key!r} is not known here")
    for name in needed:
        if name not in value:
            raise CodecError(f"{place}: {name!r} is missing")
    return declared(
        **{
            name: _decode(hints[name], item, f"{place}.{name}")
            for name, item in value.items()
            if name in hints
        }
    )


# Journals are read several times in a run, and have the same types in every line.
@cache
def _hints(declared: type) -> dict[str, Any]:
    hints = typing.get_type_hints(declared)
    return {field.name: hints[field.name] for field in dataclasses.fields(declared)}


@cache
def _needed(declared: type) -> tuple[str, ...]:
    """The fields without a default."""
    return tuple(
        field.name
        for field in dataclasses.fields(declared)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )


@cache
def _classes(declared: Any) -> list[type]:
    if get_origin(declared) not in (Union, types.UnionType):
        return []
    members = [member for member in get_args(declared) if isinstance(member, type)]
    return [member for member in members if dataclasses.is_dataclass(member)]
