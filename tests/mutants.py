"""Mutation testing of one module: each small mistake in it must fail some test.

    python tests/mutants.py wizard/journal.py TESTS… [--every N] [--first N] [--lines 12,40-60]

The tests run once in this process; each mutant is a child of it, in which one function's code is
replaced before they run again, until the first that fails. Survivors are printed with their line
and what was changed. No library: those of PyPI start a new Python for each mutant.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import os
import signal
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

_TIME = 120  # seconds of processor time: a mutant that loops is a mutant that is found
# So is one that waits for ever: seconds by the clock, and as many times what the tests take.
_WAITING, _TIMES = 60.0, 4
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """(line, what was changed, the whole module with it)."""
    for path, node in _nodes(tree):
        for words, changed in _changes(node):
            yield getattr(node, "lineno", 0), words, _with(tree, path, changed)


Path_ = tuple[tuple[str, int | None], ...]


def _nodes(top: ast.AST, path: Path_ = ()) -> Iterator[tuple[Path_, ast.AST]]:
    for name, value in ast.iter_fields(top):
        items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for index, item in items:
            if isinstance(item, ast.AST):
                here = (*path, (name, index))
                yield here, item
                yield from _nodes(item, here)


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare(ops=[op, *_]) if type(op) in _OPPOSITE:
            changed = copy.deepcopy(node)
            changed.ops[0] = _OPPOSITE[type(op)]()
            yield f"{ast.unparse(node)} → {ast.unparse(changed)}", changed
        case ast.BoolOp():
            changed_bool = copy.deepcopy(node)
            changed_bool.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield f"{ast.unparse(node)} → {ast.unparse(changed_bool)}", changed_bool
        case ast.UnaryOp(op=ast.Not()):
            yield f"{ast.unparse(node)} → {ast.unparse(node.operand)}", node.operand
        case ast.Constant(value=bool() as value):
            yield f"{value} → {not value}", ast.copy_location(ast.Constant(not value), node)
        case ast.Constant(value=int() as value):
            yield f"{value} → {value + 1}", ast.copy_location(ast.Constant(value + 1), node)
        case ast.BinOp(op=ast.Add()):
            changed_sum = copy.deepcopy(node)
            changed_sum.op = ast.Sub()
            yield f"{ast.unparse(node)} → {ast.unparse(changed_sum)}", changed_sum
        case ast.If() | ast.While():
            for value in (True, False):
                changed_if = copy.deepcopy(node)
                changed_if.test = ast.copy_location(ast.Constant(value), node.test)
                yield f"if {ast.unparse(node.test)} → {value}", changed_if
        case ast.Expr(value=ast.Call()) | ast.Assign() | ast.AugAssign() | ast.Raise():
            yield f"left out: {ast.unparse(node)}", ast.copy_location(ast.Pass(), node)
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            nothing = ast.copy_location(ast.Constant(None), value)
            yield f"{ast.unparse(node)} → None", ast.copy_location(ast.Return(nothing), node)
        case _:
            return


def _with(tree: ast.Module, path: Path_, changed: ast.AST) -> ast.Module:
    whole = copy.deepcopy(tree)
    here: object = whole
    for name, index in path[:-1]:
        value = getattr(here, name)
        here = value[index] if index is not None else value
    name, index = path[-1]
    if index is None:
        setattr(here, name, changed)
    else:
        getattr(here, name)[index] = changed
    return ast.fix_missing_locations(whole)


def codes(code: types.CodeType) -> dict[tuple[str, int], types.CodeType]:
    """The code of every function in a module or class, by name and first line."""
    found = {}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found[(constant.co_qualname, constant.co_firstlineno)] = constant
            found |= codes(constant)
    return found


def functions(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """The functions and methods that the module itself defines."""
    waiting: list[object] = list(vars(module).values())
    while waiting:
        item = waiting.pop()
        item = getattr(item, "__wrapped__", item)
        if isinstance(item, property):
            waiting.append(item.fget)
        elif isinstance(item, staticmethod | classmethod):
            waiting.append(item.__func__)
        elif isinstance(item, types.FunctionType) and item.__module__ == module.__name__:
            yield item
        elif isinstance(item, type) and item.__module__ == module.__name__:
            waiting += list(vars(item).values())


def put_in(module: types.ModuleType, mutated: ast.Module) -> bool:
    """Have the module's functions do what the mutant says; false when none is another now."""
    new = codes(compile(mutated, str(module.__file__), "exec"))
    changed = False
    for function in functions(module):
        code = new.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
        if code is None or code == function.__code__:
            continue
        if len(code.co_freevars) == len(function.__code__.co_freevars):
            function.__code__ = code
            changed = True
    return changed


def survives(
    module: types.ModuleType, mutated: ast.Module, tests: list[str], patience: float
) -> bool | None:
    """Whether all tests pass with that mutant within `patience` seconds; None when nothing was
    changed in a function.
    """
    child = os.fork()
    if child == 0:
        sink = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(sink, descriptor)
        os.setsid()
        status = 2
        try:
            if put_in(module, mutated):
                signal.setitimer(signal.ITIMER_PROF, _TIME)
                signal.setitimer(signal.ITIMER_REAL, patience)
                result = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])
                status = 0 if result == 0 else 1
        except BaseException:  # noqa: BLE001 - a mutant may do anything
            status = 1
        finally:
            os._exit(status)
    _pid, result = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(result)
    return None if code == 2 else code == 0


# A mutant may do anything, as root: one gave all folders above its own the mode 0700, up to /.
_APART = """
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /dev/shm
mount -o remount,bind,ro /dev
exec "$@"
"""


def _start_apart() -> None:
    """Start again with a file system that can only be read, but for a folder in memory, and with
    processes of our own.
    """
    if os.geteuid() != 0 or "MUTANTS_APART" in os.environ:
        return
    inside = {**os.environ, "MUTANTS_APART": "1", "TMPDIR": "/dev/shm"}
    inside |= {"HOME": "/dev/shm", "HYPOTHESIS_STORAGE_DIRECTORY": "/dev/shm/hypothesis"}
    argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv += ["sh", "-ec", _APART, "sh", sys.executable, "-B", "-P", *sys.argv]
    os.execvpe(argv[0], argv, inside)


def _lines(words: str) -> set[int]:
    """The lines that "12,40-60" means."""
    found: set[int] = set()
    for part in words.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def main() -> None:
    """The command line."""
    _start_apart()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--lines", type=_lines, default=range(1_000_000))
    wanted = parser.parse_args()
    module = importlib.import_module(".".join(wanted.module.with_suffix("").parts))
    tree = ast.parse(wanted.module.read_text(encoding="utf-8"))
    started = time.monotonic()
    if pytest.main(["-x", "-q", "-p", "no:cacheprovider", *wanted.tests]) != 0:
        sys.exit("the tests fail without any mutant")
    patience = _WAITING + _TIMES * (time.monotonic() - started)
    tried = killed = 0
    for number, (line, words, mutated) in enumerate(mutants(tree)):
        if number % wanted.every != wanted.first or line not in wanted.lines:
            continue
        alive = survives(module, mutated, wanted.tests, patience)
        if alive is None:
            continue
        tried += 1
        killed += not alive
        if alive:
            print(f"SURVIVED {wanted.module}:{line}: {words}", flush=True)
    print(f"{wanted.module}: {killed} of {tried} mutants were found", flush=True)


if __name__ == "__main__":
    main()
