"""Sizes and names that the three packages keep to; what ruff checks already is not repeated here."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [path for package in ("coding", "hl7_parsers", "streams") for path in sorted((ROOT / package).rglob("*.py"))]

FUNCTION_LINES_MAX = 40
FILE_LINES_MAX = 400
PARAMETERS_MAX = {"coding": 5}
PARAMETERS_MAX_ELSEWHERE = 6
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}
PLAIN_NUMBERS = {
    0,
    1,
    60,
}  # nothing, one, and the minutes of an hour; every other number is a rule and stands in a table
EXPLAINED = re.compile(r"# noqa: .*PLR0913\b.*[-(] ?\w+")
POSITION_MAX = 9  # in an index or a slice a number is a place, not a rule

Function = ast.FunctionDef | ast.AsyncFunctionDef
Check = Callable[[Path, str], Iterator[str]]


def code_lines(source: str) -> set[int]:
    """Return the lines that hold code: not blank, not only a comment, not a docstring."""
    layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {line for t in tokens if t.type not in layout for line in range(t.start[0], t.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None and body:
            lines -= set(range(body[0].lineno, body[0].end_lineno + 1))
    return lines


def functions(source: str) -> list[Function]:
    """Return every function and method of the file."""
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, Function)]


def long_functions(_path: Path, source: str) -> Iterator[str]:
    """A function has at most 40 lines of code."""
    code = code_lines(source)
    for function in functions(source):
        count = len(code & set(range(function.lineno, (function.end_lineno or function.lineno) + 1)))
        if count > FUNCTION_LINES_MAX:
            yield f"{function.lineno}: {function.name} has {count} lines of code, at most {FUNCTION_LINES_MAX}"


def long_files(_path: Path, source: str) -> Iterator[str]:
    """A file has at most 400 lines."""
    count = len(source.splitlines())
    if count > FILE_LINES_MAX:
        yield f"{count}: the file has {count} lines, at most {FILE_LINES_MAX}"


def many_parameters(path: Path, source: str) -> Iterator[str]:
    """A function of coding takes at most five parameters (aim at four), any other six.

    A command has as many as it has options. In streams, a longer signature that somebody else fixed (Faust) says so
    where it silences ruff: `# noqa: PLR0913 - Faust's signature`.
    """
    if path.parts[:2] == ("streams", "cli"):
        return
    most = PARAMETERS_MAX.get(path.parts[0], PARAMETERS_MAX_ELSEWHERE)
    lines = source.splitlines()
    for function in functions(source):
        if path.parts[0] == "streams" and EXPLAINED.search(lines[function.lineno - 1]):
            continue
        given = function.args
        names = [each.arg for each in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
        names += [each.arg for each in (given.vararg, given.kwarg) if each]
        count = len([name for name in names if name not in {"self", "cls"}])
        if count > most:
            yield f"{function.lineno}: {function.name} has {count} parameters, at most {most}"


def numbers_in_rules(path: Path, source: str) -> Iterator[str]:
    """The engine holds no number but 0, 1 and 60: a number is a rule, and a rule is a dated row in coding/data."""
    if path.parts[0] != "coding":
        return
    tree = ast.parse(source)
    places = [node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    # How many results a cache keeps is no rule of coding.
    cache_sizes = {id(node) for function in functions for mark in function.decorator_list for node in ast.walk(mark)}
    positions = {id(node) for place in places for node in ast.walk(place)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or type(node.value) not in {int, float}:
            continue
        if id(node) in cache_sizes:
            continue
        if node.value not in PLAIN_NUMBERS and not (id(node) in positions and node.value <= POSITION_MAX):
            yield f"{node.lineno}: the number {node.value} belongs in a table of coding/data"


def empty_names(path: Path, _source: str) -> Iterator[str]:
    """A file or folder is named for the question that it answers."""
    for part in path.with_suffix("").parts:
        if part.strip("_") in BANNED_NAMES:
            yield f"1: {part} says nothing about what is inside"


def star_imports(_path: Path, source: str) -> Iterator[str]:
    """Imported names are named."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield f"{node.lineno}: imports * from {node.module}"


def notes_to_self(_path: Path, source: str) -> Iterator[str]:
    """What is not done is written as "Not modelled:" or not at all."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and any(word in token.string for word in ("TODO", "FIXME", "XXX", "HACK")):
            yield f"{token.start[0]}: {token.string}"


CHECKS: list[Check] = [
    long_functions,
    long_files,
    many_parameters,
    numbers_in_rules,
    empty_names,
    star_imports,
    notes_to_self,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_there_are_no(check: Check) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{problem}"
        for path in SOURCES
        for problem in check(path.relative_to(ROOT), path.read_text())
    ]
    assert not found, "\n".join([check.__doc__ or "", *found])


@pytest.mark.parametrize(
    ("check", "path", "source"),
    [
        (long_functions, "streams/app.py", "def f():\n" + "    x = 1\n" * 40),
        (long_files, "streams/app.py", "x = 1\n" * 401),
        (many_parameters, "coding/hours.py", "def f(a, b, c, *, d, e, g): ..."),
        (many_parameters, "streams/app.py", "async def f(a, b, c, d, *rest, e, f): ..."),
        (many_parameters, "streams/app.py", "def f(a, b, c, d, e, f, g): ...  # noqa: PLR0913"),
        (many_parameters, "coding/hours.py", "def f(a, b, c, d, e, g): ...  # noqa: PLR0913 - the table's columns"),
        (numbers_in_rules, "coding/hours.py", "shortest = 16"),
        (numbers_in_rules, "coding/hours.py", "half = 0.5"),
        (numbers_in_rules, "coding/hours.py", "x = code[16]"),
        (empty_names, "streams/utils.py", ""),
        (empty_names, "streams/common/app.py", ""),
        (star_imports, "streams/app.py", "from coding import *"),
        (notes_to_self, "streams/app.py", "x = 1  # TODO later"),
    ],
)
def test_what_breaks_a_limit_is_found(check: Check, path: str, source: str) -> None:
    assert list(check(Path(path), source))


@pytest.mark.parametrize(
    ("check", "path", "source"),
    [
        (
            long_functions,
            "streams/app.py",
            'def f():\n    """' + "a\n" * 60 + '"""\n' + "    # b\n\n" * 60 + "    x = 1\n" * 39,
        ),
        (long_files, "streams/app.py", "x = 1\n" * 400),
        (many_parameters, "coding/hours.py", "def f(self, a, b, c, d): ..."),
        (many_parameters, "streams/cli/code.py", "def f(a, b, c, d, e, f, g, h): ..."),
        (many_parameters, "streams/app.py", "def f(a, b, c, d, e, f, g): ...  # noqa: PLR0913, PLR0917 - Faust's"),
        (numbers_in_rules, "coding/hours.py", "x = code[2:5], divmod(m, 60), True, -1"),
        (numbers_in_rules, "streams/app.py", "port = 2575"),
        (empty_names, "streams/database.py", ""),
        (notes_to_self, "streams/app.py", "x = 'TODO'"),
    ],
)
def test_what_keeps_a_limit_is_not_reported(check: Check, path: str, source: str) -> None:
    assert not list(check(Path(path), source))
