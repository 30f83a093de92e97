"""Direction: coding and hl7_parsers stand alone and stay pure, only streams knows the others; no import cycles."""

import ast
import sys
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("coding", "hl7_parsers", "streams")
MAY_IMPORT = {"coding": {"coding", "msgspec"}, "hl7_parsers": {"hl7_parsers", "msgspec", "hl7"}}
IMPURE = {
    "asyncio",
    "logging",
    "multiprocessing",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
}
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(nodes: Iterable[ast.AST], module: str, *, is_package: bool) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of everything imported by these nodes."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            above = parts[: len(parts) - node.level + is_package] if node.level else []
            yield from (
                (node.lineno, ".".join([*above, node.module or "", a.name]).replace("..", ".")) for a in node.names
            )


def on_import(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when the module is imported: no function bodies, nothing under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not is_for_types and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from on_import(child)


def forbidden(module: str, tree: ast.Module, *, is_package: bool = False) -> Iterator[str]:
    """Yield `line: what` for each import, and each look at the clock, that the module's package may not have."""
    package = module.partition(".")[0]
    if package not in MAY_IMPORT:
        return
    allowed = (MAY_IMPORT[package] | sys.stdlib_module_names) - IMPURE
    for line, name in imports(ast.walk(tree), module, is_package=is_package):
        if name.partition(".")[0] not in allowed:
            yield f"{line}: imports {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}:
            yield f"{node.lineno}: looks at the clock ({ast.unparse(node)})"


def cycle(needs: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle, or nothing."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as found:
        return list(found.args[1])
    return []


def needed(names: Iterable[str], modules: Iterable[str]) -> set[str]:
    """Return which of the modules the imported names stand for: the module itself, or the one a name is taken from."""
    known = set(modules)
    return {name if name in known else name.rpartition(".")[0] for name in names} & known


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_pure_package_imports_only_what_it_may_and_sees_no_clock(package: str) -> None:
    problems = [
        f"{path.relative_to(ROOT)}:{problem}"
        for module, path in SOURCES.items()
        if module.partition(".")[0] == package
        for problem in forbidden(module, ast.parse(path.read_text()), is_package=path.stem == "__init__")
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_needs_itself_to_be_imported(package: str) -> None:
    needs = {}
    for module, path in SOURCES.items():
        if module.partition(".")[0] == package:
            found = imports(on_import(ast.parse(path.read_text())), module, is_package=path.stem == "__init__")
            needs[module] = needed((name for _, name in found), SOURCES) - {module}
    assert not cycle(needs), " imports ".join(cycle(needs))


@pytest.mark.parametrize(
    ("module", "source", "named"),
    [
        ("coding.engine", "import faust", "imports faust"),
        ("coding.engine", "def f():\n    from hl7_parsers.ras import read", "imports hl7_parsers.ras.read"),
        ("coding.engine", "from hl7 import parse", "imports hl7"),
        ("coding.engine", "from ..streams import app", "imports streams.app"),
        ("hl7_parsers.ras", "import coding", "imports coding"),
        ("hl7_parsers.ras", "import logging", "imports logging"),
        ("hl7_parsers.ras", "from datetime import datetime as d\nx = d.now()", "looks at the clock"),
    ],
)
def test_what_a_pure_package_may_not_do_is_found(module: str, source: str, named: str) -> None:
    assert [problem for problem in forbidden(module, ast.parse(source)) if named in problem]


def test_what_a_package_may_import_is_not_reported() -> None:
    assert not list(forbidden("coding.engine", ast.parse("import re\nfrom coding import claim\nfrom . import hours")))
    assert not list(forbidden("hl7_parsers", ast.parse("import hl7, msgspec\nfrom .er7 import read"), is_package=True))
    assert not list(forbidden("streams.app", ast.parse("import faust, time, coding, hl7_parsers")))


def test_cycles_are_found_where_import_would_meet_them() -> None:
    source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import a\ndef f():\n    from . import a\n"
    at_import = [name for _, name in imports(on_import(ast.parse(source)), "coding.b", is_package=False)]
    assert needed(at_import, ["coding.a", "coding.b"]) == set()
    assert needed(["coding.a.x", "coding.b"], ["coding.a", "coding.b", "coding"]) == {"coding.a", "coding.b"}
    assert cycle({"a": {"b"}, "b": {"a"}})
    assert not cycle({"a": {"b"}, "b": set()})
