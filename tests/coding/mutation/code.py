"""Comparisons and whole numbers in the code of the engine, changed one at a time in memory.

Imports nothing of the engine: each change is tried in a process of its own, which loads the changed module from here.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SWAPS: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
SECONDS = 120  # a change may make a loop endless
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
        if isinstance(node, ast.Compare):
            yield from ((node, node, place) for place, op in enumerate(node.ops) if type(op) in SWAPS)
        elif isinstance(node, ast.Constant) and type(node.value) is int and not _is_of_cache(node, inside):
            around = inside[node]
            while isinstance(around, ast.Slice | ast.UnaryOp):  # of a place in a list, show the list
                around = inside[around]
            yield node, around, 0


def _is_of_cache(node: ast.AST, inside: dict[ast.AST, ast.AST]) -> bool:
    """Whether a number is how many answers a cache keeps."""
    around = inside[node]
    return isinstance(around, ast.keyword) and around.arg == "maxsize"


def _change(node: ast.AST, place: int) -> None:
    if isinstance(node, ast.Compare):
        node.ops[place] = SWAPS[type(node.ops[place])]()
    else:
        assert isinstance(node, ast.Constant)
        assert isinstance(node.value, int)
        node.value += 1


def changes(folder: str = "coding") -> list[Change]:
    """Every change of every module of a package."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for place in range(len(list(_sites(ast.parse(path.read_text()))))):
            node, around, operator = list(_sites(ast.parse(path.read_text())))[place]
            before, line = ast.unparse(around), getattr(node, "lineno", 0)
            _change(node, operator)
            found.append(Change(module, place, line, before[:SHOWN], ast.unparse(around)[:SHOWN]))
    return found


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
    tests += [f"--deselect=tests/coding/test_{name}.py" for name in ("properties", "second_coder")]
    tests += [f"--changed={change.module}:{change.place}", "-k", "not that_were_another"]
    return _run(tests)


def _run(call: list[str]) -> str:
    """Return the last line that a failing process printed; "" when it does not fail."""
    try:
        done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "it never ends"
    if not done.returncode:
        return ""
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    lines = failed or (done.stdout + done.stderr).strip().splitlines() or ["it ends with a failure"]
    return lines[0] if failed else lines[-1]
