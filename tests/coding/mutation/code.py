"""Comparisons, conditions, signs and whole numbers in the code of the engine, changed one at a time in memory.

Imports nothing of the engine: each change is tried in a process of its own, which loads the changed module from here.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import signal
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
_PAIRS: list[tuple[Any, Any]] = [
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
]
SWAPS: dict[Any, Any] = dict([*_PAIRS, *((other, one) for one, other in _PAIRS)])
_PLAIN = (ast.Name, ast.Attribute, ast.Call)  # a condition without an operator of its own
CPU_SECONDS = 120  # a change may make a loop endless
SHOWN = 100  # characters of the changed expression


@dataclass(frozen=True)
class Change:
    """One change of one module."""

    module: str
    place: int
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.module}: {self.before} -> {self.after}"


def _sites(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST, int]]:
    """Yield what may be changed, the expression around it, and which of a comparison's operators it is."""
    inside: dict[ast.AST, ast.AST] = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            inside[child] = node
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant):
            yield from ((node, node, place) for place in _places(node))
        elif type(node.value) is int and not _is_of_cache(node, inside):
            around = inside[node]
            while isinstance(around, ast.Slice | ast.UnaryOp):  # of a place in a list, show the list
                around = inside[around]
            yield node, around, 0


def _places(node: ast.AST) -> list[int]:
    """Return which of its operators or conditions may be changed."""
    found: list[bool] = []
    match node:
        case ast.Compare():
            found = [type(one) in SWAPS for one in node.ops]
        case ast.BoolOp() | ast.BinOp():
            found = [type(node.op) in SWAPS]
        case ast.UnaryOp():
            found = [isinstance(node.op, ast.Not)]
        case ast.If() | ast.IfExp():
            found = [isinstance(node.test, _PLAIN)]
        case ast.comprehension():
            found = [isinstance(one, _PLAIN) for one in node.ifs]
    return [place for place, is_one in enumerate(found) if is_one]


def _is_of_cache(node: ast.AST, inside: dict[ast.AST, ast.AST]) -> bool:
    """Whether a number is how many answers a cache keeps."""
    around = inside[node]
    return isinstance(around, ast.keyword) and around.arg == "maxsize"


def _change(node: ast.AST, place: int) -> None:
    match node:
        case ast.Compare():
            node.ops[place] = SWAPS[type(node.ops[place])]()
        case ast.BoolOp() | ast.BinOp():
            node.op = SWAPS[type(node.op)]()
        case ast.UnaryOp():
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.comprehension():
            node.ifs[place] = ast.UnaryOp(ast.Not(), node.ifs[place])
        case ast.Constant(value=int()):
            node.value += 1  # type: ignore[operator]


def changes(folder: str = "coding") -> list[Change]:
    """Every change of every module of a package."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for place in range(len(list(_sites(ast.parse(path.read_text()))))):
            node, around, operator = list(_sites(ast.parse(path.read_text())))[place]
            before, line = _shown(around), getattr(node, "lineno", getattr(around, "lineno", 0))
            _change(node, operator)
            found.append(Change(module, place, line, before, _shown(around)))
    return found


def _shown(node: ast.AST) -> str:
    """Return the beginning of an expression, or of a statement."""
    return ast.unparse(node).strip().partition("\n")[0][:SHOWN]


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads one module with one change."""

    place = 0

    def get_code(self, fullname: str) -> types.CodeType:
        tree = ast.parse(Path(self.path).read_text())
        node, _, operator = list(_sites(tree))[self.place]
        _change(node, operator)
        return compile(ast.fix_missing_locations(tree), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, place: int) -> None:
        self.module, self.place = module, place

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec
        assert spec.origin
        loader = _Changed(fullname, spec.origin)
        loader.place = self.place
        return importlib.util.spec_from_file_location(fullname, spec.origin, loader=loader)


def load_changed(module: str, place: int) -> None:
    """Make this process load a module with a change, from now on."""
    sys.meta_path.insert(0, _Finder(module, place))


def caught_by(change: Change) -> str:
    """Return what fails under a change: a scenario, else another test of the engine; "" when nothing does.

    The generated encounters of hypothesis are left out: they may fail today and not tomorrow, and they are slow.
    """
    scenario = _run([sys.executable, "-m", "tests.coding.mutation.tried", change.module, str(change.place)])
    if scenario:
        return scenario
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "tests.coding.mutation.plugin", "--tb=no", "--no-header"]
    tests = [sys.executable, "-m", "pytest", *options, "tests/coding", "--deselect=tests/coding/test_scenarios.py"]
    tests += [f"--deselect=tests/coding/test_{name}.py" for name in ("properties", "second_coder", "second_drug_coder")]
    tests += [f"--changed={change.module}:{change.place}", "-k", "not that_were_another"]
    return _run(tests)


def _run(call: list[str]) -> str:
    """Return the last line that a failing process printed; "" when it does not fail."""
    limited = ["/bin/bash", "-c", f'ulimit -S -t {CPU_SECONDS}; exec "$@"', "limited", *call]
    done = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    if done.returncode == -signal.SIGXCPU:
        return "it never ends"
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    lines = failed or (done.stdout + done.stderr).strip().splitlines() or ["it ends with a failure"]
    return lines[0] if failed else lines[-1]
