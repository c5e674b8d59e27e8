"""Guest configs as `xm` took them: Python files. They are parsed, and never executed.

`xm create` ran the file, and then took those of its variables that had an option's name
(tools/python/xen/xm/create.py and opts.py of Xen 3.0 to 4.4). Here the file is read: texts,
numbers, lists, and what is put together of them and of earlier variables are known. What hangs on
a condition, a loop, a call or an import is not, and is named with its line.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from steps.xl_config import Value

LARGEST_CONFIG = 256 * 1024  # bytes; the longest that a person wrote is a few KiB
_LARGEST_VALUE = 64 * 1024  # characters: what doubles itself line by line ends here
_MOST_OLD_LINES = 100


class XmUnreadableError(ValueError):
    """No config that can be read: in which line (0: the file as a whole), why, what to do."""

    def __init__(self, line: int, what: str, hint: str) -> None:
        super().__init__(f"line {line}: {what}" if line else what)
        self.line = line
        self.what = what
        self.hint = hint


@dataclass(frozen=True)
class Statement:
    """A piece of the file: whole lines, counted from 1, both ends included.

    `keys` are what it sets; of a piece of Python that is not followed, what it could set. `why`
    says then why its outcome is not known; "" when it is.
    """

    first: int
    last: int
    keys: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class XmConfig:
    """What the file comes to. `values` are known; `unknown` has, by key, the last statement that
    made it unknowable. `opaque` are those that could set anything.
    """

    statements: tuple[Statement, ...]
    values: dict[str, Value | None]
    unknown: dict[str, Statement]
    opaque: tuple[Statement, ...] = ()


def parse_xm_config(text: str) -> XmConfig:
    """The config; `XmUnreadableError` when this is none."""
    _refuse_at_sight(text)
    tree, old = _tree(text.lstrip("\ufeff"))
    reader = _Reader()
    try:
        for node in tree.body:
            reader.statement(node)
    except RecursionError:
        raise _too_deep() from None
    for first, words, why in old:
        reader.unknowable(Statement(first, first, _assigned_words(words), why))
    return reader.config()


# ---- from text to a tree


def _refuse_at_sight(text: str) -> None:
    if len(text) > LARGEST_CONFIG:
        raise XmUnreadableError(
            0,
            f"it is {len(text) // 1024} KiB long, and a guest's config is a few lines",
            "Is it a disk image, or a log? Name the config itself.",
        )
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise XmUnreadableError(
            line,
            "there is a NUL character, so this is no text",
            "Name the config itself; if it is one, a broken disk or copy has damaged it.",
        )
    code = [line.strip() for line in text.splitlines()]
    code = [line for line in code if line and not line.startswith("#")]
    if not code:
        raise XmUnreadableError(0, "there is nothing in it", "Name a guest's config.")
    if code[0].startswith("("):
        raise XmUnreadableError(
            1,
            "this is SXP, what xend keeps for itself (`xm list --long`, `xm create -F`), no config",
            "Name the Python file that the domain was made from, mostly in /etc/xen.",
        )
    if code[0].startswith("<"):
        raise XmUnreadableError(
            1, "this is XML, no config of xm's", "For libvirt's: virsh domxml-to-native xen-xl FILE"
        )


_OLD_PYTHON = (
    (re.compile(r"^\s*print\b(?!\s*\()"), "print without parentheses is Python 2"),
    (re.compile(r"`[^`]*`"), "backquotes are Python 2"),
    (re.compile(r"^\s*exec\b(?!\s*\()"), "exec without parentheses is Python 2"),
    (re.compile(r"<>"), "<> is Python 2"),
    (re.compile(r"^\s*raise\s+\w+\s*,"), "raise with a comma is Python 2"),
    (re.compile(r"^\s*except\b[^:]*,"), "except with a comma is Python 2"),
    (re.compile(r"\b(0[0-7]+|\d+|0[xX][0-9a-fA-F]+)[lL]\b"), "a number with L is Python 2"),
    (re.compile(r"(?<![\w.\"'])0[0-7]+\b"), "a number that begins with 0 is Python 2"),
    (re.compile(r"\b[uU][rR]['\"]"), "a text in ur'' is Python 2"),
)


def _tree(text: str) -> tuple[ast.Module, list[tuple[int, str, str]]]:
    """The parsed file, and what of it is Python 2: (line, its text, why), left out of the tree."""
    # Form feeds and lone carriage returns end a line for str.splitlines, and not for Python.
    lines = re.split(r"\r\n|\n|\r", text)
    old: list[tuple[int, str, str]] = []
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "\d" in a text is the writer's own affair
                return ast.parse("\n".join(lines)), old
        except SyntaxError as error:
            place = error.lineno or 1
            why = _why_old(lines, place)
            if why is None or len(old) == _MOST_OLD_LINES:
                raise _broken(place, error, lines) from None
            line = lines[place - 1]
            old.append((place, line, why))
            lines[place - 1] = line[: len(line) - len(line.lstrip())] + _stand_in(line.strip())
        except (RecursionError, MemoryError):
            raise _too_deep() from None
        except ValueError as error:
            raise XmUnreadableError(0, f"Python cannot read it: {error}", _MEND) from None


def _stand_in(line: str) -> str:
    """What stands for a line of Python 2, so that the lines around it can be read."""
    if not line.endswith(":"):
        return "pass"
    word = line.split(maxsplit=1)[0]
    return {"elif": "elif _:", "except": "except Exception:"}.get(word, "if _:")


def _why_old(lines: Sequence[str], place: int) -> str | None:
    line = lines[place - 1] if 0 < place <= len(lines) else ""
    return next((why for pattern, why in _OLD_PYTHON if pattern.search(line)), None)


_MEND = "Mend that line. `xm` would not have taken the file either."


def _broken(place: int, error: SyntaxError, lines: Sequence[str]) -> XmUnreadableError:
    line = lines[place - 1].strip()[:60] if 0 < place <= len(lines) else ""
    if isinstance(error, TabError):
        return XmUnreadableError(
            place, "tabs and spaces are mixed in front of it", "Indent with spaces alone."
        )
    what = f"this is no Python: {error.msg}" + (f": {line}" if line else "")
    return XmUnreadableError(place, what, _MEND)


def _too_deep() -> XmUnreadableError:
    return XmUnreadableError(
        0,
        "its brackets or sums are nested deeper than anything a person wrote",
        "Write the values out.",
    )


def _assigned_words(line: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\b([A-Za-z_]\w*)\s*\+?=(?!=)", line))


# ---- from a tree to values


class _Unknown(Exception):
    """This expression's value would take running it; `why`, in words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


_CONDITIONS: tuple[tuple[type[ast.stmt], str], ...] = (
    (ast.If, "it hangs on a condition"),
    (ast.For, "it is set in a loop"),
    (ast.While, "it is set in a loop"),
    (ast.Try, "it is set under `try`"),
    (ast.With, "it is set under `with`"),
    (ast.Match, "it hangs on a condition"),
    (ast.Delete, "it is deleted"),
    (ast.Import, "it is imported"),
    (ast.ImportFrom, "it is imported"),
)
_ANYTHING = {"exec", "execfile", "globals", "locals", "vars", "setattr"}
_CHANGING = {"append", "extend", "insert", "remove", "pop", "sort", "reverse"}


@dataclass
class _Reader:
    """The variables as they are after the statements so far."""

    values: dict[str, Value | None] = field(default_factory=dict)
    unknown: dict[str, Statement] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    opaque: list[Statement] = field(default_factory=list)
    # Names that functions set with `global`: from the definition on, any call may set them.
    by_functions: dict[str, Statement] = field(default_factory=dict)
    # Two names for one list: what is appended to one of them is in the other too.
    shared: set[str] = field(default_factory=set)

    def config(self) -> XmConfig:
        for name, statement in self.by_functions.items():
            self.unknown[name] = statement
            self.values.pop(name, None)
        return XmConfig(
            tuple(_whole_lines(self.statements)), self.values, self.unknown, tuple(self.opaque)
        )

    def unknowable(self, statement: Statement) -> None:
        self.statements.append(statement)
        for key in statement.keys:
            self.values.pop(key, None)
            self.unknown[key] = statement

    def statement(self, node: ast.stmt) -> None:
        first, last = node.lineno, node.end_lineno or node.lineno
        for decorated in getattr(node, "decorator_list", ()):
            first = min(first, decorated.lineno)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names = {name for part in ast.walk(node) if isinstance(part, ast.Global)
                     for name in part.names}  # fmt: skip
            statement = Statement(first, last, (), "a function is not run here")
            self.statements.append(statement)
            self.by_functions |= dict.fromkeys(sorted(names), statement)
            return
        if _could_set_anything(node):
            keys = tuple(sorted(_could_set(node)))
            statement = Statement(first, last, keys, "what it sets is only known when it runs")
            self.unknowable(statement)
            self.opaque.append(statement)
            return
        match node:
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value, first, last)
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                if name in self.shared:
                    keys = tuple(sorted(self.shared))
                    self.unknowable(Statement(first, last, keys, "it shares its list"))
                    return
                self._set(name, ast.BinOp(ast.Name(name, ast.Load()), ast.Add(), value),
                          first, last)  # fmt: skip
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend" as how),
                    args=[item],
                    keywords=[],
                )
            ):
                if name in self.shared:
                    keys = tuple(sorted(self.shared))
                    self.unknowable(Statement(first, last, keys, "it shares its list"))
                    return
                added = ast.List([item], ast.Load()) if how == "append" else item
                self._set(name, ast.BinOp(ast.Name(name, ast.Load()), ast.Add(), added),
                          first, last)  # fmt: skip
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                self.statements.append(Statement(first, last))
            case _:
                why = next((words for kind, words in _CONDITIONS if isinstance(node, kind)),
                           "it is only known when it runs")  # fmt: skip
                self.unknowable(Statement(first, last, tuple(sorted(_could_set(node))), why))

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr, first: int, last: int) -> None:
        own = {name for target in targets for name in _names(target)}
        self.shared -= own
        if len(own) > 1 or isinstance(value, ast.Name):
            self.shared |= own | _names(value)
        for target in targets:
            match target, value:
                case ast.Name(id=name), _:
                    self._set(name, value, first, last)
                case (
                    (ast.Tuple(elts=names) | ast.List(elts=names)),
                    (ast.Tuple(elts=parts) | ast.List(elts=parts)),
                ) if len(names) == len(parts) and all(isinstance(one, ast.Name) for one in names):
                    for one, part in zip(names, parts, strict=True):
                        assert isinstance(one, ast.Name)
                        self._set(one.id, part, first, last)
                case _:
                    keys = tuple(sorted(_names(target)))
                    self.unknowable(Statement(first, last, keys, "it is only known when it runs"))

    def _set(self, name: str, value: ast.expr, first: int, last: int) -> None:
        try:
            found = self._value(value)
        except _Unknown as unknown:
            self.unknowable(Statement(first, last, (name,), unknown.why))
            return
        self.values[name] = found
        self.unknown.pop(name, None)
        self.statements.append(Statement(first, last, (name,)))

    def _value(self, node: ast.expr) -> Value | None:
        found = self._part(node)
        if _size(found) > _LARGEST_VALUE:
            raise _Unknown("it grows beyond what a config holds")
        return found

    def _part(self, node: ast.expr) -> Value | None:
        match node:
            case ast.Constant(value=bool() as truth):
                return int(truth)
            case ast.Constant(value=(int() | str() | None) as plain):
                return plain
            case ast.Constant(value=float() as number) if number.is_integer():
                return int(number)
            case ast.Name(id=name):
                if name in self.values:
                    return self.values[name]
                raise _Unknown(f"it is made of {name}, which is only known when it runs")
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                items = tuple(value for part in parts
                              if (value := self._value(part)) is not None)  # fmt: skip
                if len(items) == len(parts):
                    return items
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self._value(operand)
                if isinstance(value, int):
                    return -value
            case ast.BinOp(op=ast.Mod(), right=right) if isinstance(
                value := self._value(right), tuple
            ) and not isinstance(right, ast.Tuple):
                pass  # a list behind % is one text there: brackets and all
            case ast.BinOp(left=left, op=operator, right=right):
                return self._joined(self._value(left), operator, self._value(right))
            case ast.Call(func=ast.Name(id="str"), args=[inner], keywords=[]):
                value = self._value(inner)
                if isinstance(value, int | str):
                    return str(value)
            case ast.Call(func=ast.Name(id="int"), args=[inner], keywords=[]):
                value = self._value(inner)
                if isinstance(value, int | str) and re.fullmatch(r"-?\d{1,18}", str(value)):
                    return int(value)
        raise _Unknown(f"it is only known when it runs: {_short(node)}")

    def _joined(
        self, left: Value | None, operator: ast.operator, right: Value | None
    ) -> Value | None:
        match left, operator, right:
            case str(), ast.Add(), str():
                return left + right
            case int(), ast.Add(), int():
                return left + right
            case int(), ast.Sub(), int():
                return left - right
            case int(), ast.Mult(), int() if abs(left) < 2**40 and abs(right) < 2**40:
                return left * right
            case tuple(), ast.Add(), tuple():
                return left + right
            case str(), ast.Mod(), _ if _FORMATTED.fullmatch(left) and right is not None:
                try:
                    return left % right
                except (TypeError, ValueError):
                    raise _Unknown("its % does not fit what stands behind it") from None
        raise _Unknown("it is only known when it runs")


# %s, %d, %02d, %x: no width by which a text could fill the memory.
_FORMATTED = re.compile(r"(?s)(?:[^%]|%%|%[-+ #0]?\d{0,2}[sdixX])*")


def _whole_lines(statements: Sequence[Statement]) -> Iterator[Statement]:
    """In order; those that share a line as one."""
    current: Statement | None = None
    for one in sorted(statements, key=lambda one: (one.first, one.last)):
        if current is not None and one.first <= current.last:
            keys = (*current.keys, *(key for key in one.keys if key not in current.keys))
            last = max(current.last, one.last)
            current = Statement(current.first, last, keys, current.why or one.why)
        else:
            if current is not None:
                yield current
            current = one
    if current is not None:
        yield current


def _could_set(node: ast.stmt) -> set[str]:
    found: set[str] = set()
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
                if method in _CHANGING:
                    found.add(name)
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
                found.add(name)
    return found


def _names(target: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}


def _could_set_anything(node: ast.stmt) -> bool:
    for part in ast.walk(node):
        match part:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return True
            case ast.Call(func=ast.Name(id=name)) if name in _ANYTHING:
                return True
    return False


def _size(value: Value | None) -> int:
    if isinstance(value, tuple):
        return sum(1 + _size(item) for item in value)
    if isinstance(value, int):
        return value.bit_length()
    return len(value or "")


def _short(node: ast.expr) -> str:
    words = ast.unparse(node)
    return words if len(words) <= 40 else f"{words[:37]}..."
