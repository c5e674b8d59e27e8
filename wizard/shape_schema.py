"""JSON Schemas (draft 2020-12) of dataclasses, for what `codec.encode` makes of them."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

DRAFT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number", types.NoneType: "null"}


def schema_of(declared: type, title: str) -> Schema:
    """The schema of a document. Its classes are definitions, each described by its docstring."""
    classes: dict[str, Schema] = {}
    body = _schema(declared, classes)
    return {"$schema": DRAFT, "title": title, **body, "$defs": dict(sorted(classes.items()))}


def _schema(declared: Any, classes: dict[str, Schema]) -> Schema:
    origin, inner = get_origin(declared), get_args(declared)
    if declared is Any:
        return {}
    if declared in _PLAIN:
        return {"type": _PLAIN[declared]}
    if origin is Literal:
        return {"const": inner[0]} if len(inner) == 1 else {"enum": list(inner)}
    if origin in (Union, types.UnionType):
        return _union(inner, classes)
    if origin is tuple:
        if len(inner) == 2 and inner[1] is Ellipsis:
            return {"type": "array", "items": _schema(inner[0], classes)}
        items = [_schema(item, classes) for item in inner]
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(inner[1], classes)}
    if dataclasses.is_dataclass(declared) and isinstance(declared, type):
        return _reference(declared, classes)
    raise TypeError(f"{declared!r} has no JSON Schema")


def _union(members: tuple[Any, ...], classes: dict[str, Schema]) -> Schema:
    kinds = [member for member in members if dataclasses.is_dataclass(member)]
    found = []
    for member in members:
        schema = _schema(member, classes)
        if len(kinds) > 1 and member in kinds:
            # The codec tells the classes of a union apart by this key.
            definition = classes[member.__name__]
            definition["properties"]["kind"] = {"const": member.__name__}
            if "kind" not in definition["required"]:
                definition["required"].append("kind")
        found.append(schema)
    return {"anyOf": found}


def _reference(declared: type, classes: dict[str, Schema]) -> Schema:
    name = declared.__name__
    if name not in classes:
        classes[name] = {}  # first: a class may hold itself
        hints = get_type_hints(declared)
        fields = [field.name for field in dataclasses.fields(declared)]
        classes[name] |= {
            "description": inspect.getdoc(declared) or "",
            "type": "object",
            "properties": {field: _schema(hints[field], classes) for field in fields},
            "required": fields,
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}
