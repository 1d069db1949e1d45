"""Edits of a source text: those that may matter, and those that cannot."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterator

from programs import HEADER, ROOMS, Step

Sources = dict[str, str]
_FIXED = ("hashcache", "num")
FUNCTIONS = (ast.FunctionDef, ast.Lambda)
OPERATORS: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult, ast.Mod, ast.FloorDiv, ast.BitXor)
COMPARISONS: tuple[type[ast.cmpop], ...] = (ast.Lt, ast.Gt, ast.LtE, ast.GtE, ast.Eq, ast.NotEq)


def edited(sources: Sources, step: Step) -> tuple[str, str]:
    """Return a module and its text after an edit that may matter; the same text where none is possible."""
    _, where, which, number = step
    for turn in range(len(ROOMS)):
        name = ROOMS[(where + turn) % len(ROOMS)]
        tree = ast.parse(sources[name].removeprefix(HEADER))
        before = ast.dump(tree)
        MATTERING[which % len(MATTERING)](tree, where // len(ROOMS), number)
        if ast.dump(tree) != before:
            return name, HEADER + ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    return name, sources[name]


def rewritten(sources: Sources, step: Step) -> tuple[str, str]:
    """Return a module and its text after an edit that cannot matter."""
    _, where, which, number = step
    change = SILENT[which % len(SILENT)]
    for turn in range(len(ROOMS)):
        name = ROOMS[(where + turn) % len(ROOMS)]
        if change is unrelated and any("whole = " in text for text in sources.values()):
            change = comments  # somebody reads the module as a whole
        text = sources[name].removeprefix(HEADER)
        found = change(text, where // len(ROOMS), number)
        if "def " in text and found != text:
            return name, HEADER + found
    return name, sources[name]


def _pick(nodes: list[ast.AST], where: int) -> list[ast.AST]:
    return [nodes[where % len(nodes)]] if nodes else []


def _all(tree: ast.AST, *kinds: type) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


# -- edits that may matter ---------------------------------------------------------------------------


def constant(tree: ast.Module, where: int, number: int) -> None:
    for node in _pick(_all(tree, ast.Constant), where * 7 + number):
        assert isinstance(node, ast.Constant)
        old = node.value
        if isinstance(old, str):
            node.value = old[::-1] if old[::-1] != old and number % 2 else f"{old}{number % 5}"
        elif isinstance(old, bool) or old is None:
            node.value = number
        elif isinstance(old, (int, float)):
            node.value = (old + 1, -old - 0.0, float(old), old == 1, old + number % 3, str(old))[number % 6]


def operator(tree: ast.Module, where: int, number: int) -> None:
    for node in _pick(_all(tree, ast.BinOp, ast.Compare, ast.IfExp, ast.UnaryOp), where * 7 + number):
        if isinstance(node, ast.BinOp):
            node.op = OPERATORS[number % len(OPERATORS)]()
        elif isinstance(node, ast.Compare):
            node.ops = [COMPARISONS[number % len(COMPARISONS)]()]
        elif isinstance(node, ast.IfExp):
            node.body, node.orelse = node.orelse, node.body
        elif isinstance(node, ast.UnaryOp):
            node.op = (ast.UAdd, ast.USub, ast.Not)[number % 3]()


def name(tree: ast.Module, where: int, number: int) -> None:
    """Read another name: of a local, a global or a builtin that occurs in the same text."""
    loads = [node for node in _all(tree, ast.Name) if isinstance(node.ctx, ast.Load)]  # type: ignore
    others = sorted({node.id for node in loads} - {"num", "hashcache"})  # type: ignore[attr-defined]
    for node in _pick([node for node in loads if node.id in others], where * 7 + number):  # type: ignore
        node.id = others[number % len(others)]  # type: ignore[attr-defined]


def attribute(tree: ast.Module, where: int, number: int) -> None:
    changing = {"append", "register", "wraps", "partial", "cell_contents"}
    found = [n for n in _all(tree, ast.Attribute) if n.attr not in changing]  # type: ignore[attr-defined]
    names = sorted({node.attr for node in found} | {"rate", "v"})  # type: ignore[attr-defined]
    for node in _pick(found, where * 7 + number):
        node.attr = names[number % len(names)]  # type: ignore[attr-defined]


def swap(tree: ast.Module, where: int, number: int) -> None:
    """Let two functions or classes of the module change their names."""
    found = [
        node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name != "f"
    ]
    if len(found) > 1:
        first, second = found[where % len(found)], found[number % len(found)]
        first.name, second.name = second.name, first.name


def bodies(tree: ast.Module, where: int, number: int) -> None:
    """Let two statements of one body change their places."""
    blocks = [node.body for node in _all(tree, ast.FunctionDef, ast.ClassDef) if len(node.body) > 1]  # type: ignore
    if blocks:
        block = blocks[where % len(blocks)]
        first, second = number % len(block), (number + 1) % len(block)
        block[first], block[second] = block[second], block[first]


def delete(tree: ast.Module, where: int, number: int) -> None:
    blocks: list[list[ast.stmt]] = [tree.body]
    blocks += [node.body for node in _all(tree, ast.ClassDef) if len(node.body) > 1]  # type: ignore[attr-defined]
    block = blocks[where % len(blocks)]
    found = [node for node in block if getattr(node, "name", "") != "f" and not isinstance(node, ast.Import)]
    if found:
        block.remove(found[number % len(found)])


def define(tree: ast.Module, where: int, number: int) -> None:
    names = [node.id for node in _all(tree, ast.Name) if len(node.id) > 1 and node.id not in _FIXED]  # type: ignore
    target = sorted({*names, "abs", "sum", "len"})[where % (len(set(names) | {"abs", "sum", "len"}))]
    values = (f"lambda *args: {number}", str(number), f"[{number}]", "None", "max")
    tree.body.insert(-1, ast.parse(f"{target} = {values[number % len(values)]}").body[0])


def parameter(tree: ast.Module, where: int, number: int) -> None:
    """Give the last parameter another default, or a default at all."""
    for node in _pick(_all(tree, *FUNCTIONS), where * 7 + number):
        arguments: ast.arguments = node.args  # type: ignore[attr-defined]
        value = ast.Constant(number)
        if arguments.kwonlyargs:
            arguments.kw_defaults[-1] = value
        elif arguments.defaults:
            arguments.defaults[-1] = value
        elif arguments.args:
            arguments.defaults.append(value)


def decorator(tree: ast.Module, where: int, number: int) -> None:
    nodes = [node for node in _all(tree, ast.FunctionDef, ast.ClassDef) if node.name != "f"]  # type: ignore
    for node in _pick(nodes, where):
        listed: list[ast.expr] = node.decorator_list  # type: ignore[attr-defined]
        if listed and number % 2:
            listed.pop(number % len(listed))
        elif len(listed) > 1:
            listed.reverse()
        else:
            names = ["functools.lru_cache", "abs", "hashcache"]
            known = any(
                isinstance(other, ast.ImportFrom) and other.module == "hashcache" for other in tree.body
            )
            # A cached class gives instances of what pickle takes for the class, which may be a copy.
            known = known and isinstance(node, ast.FunctionDef)
            listed.append(ast.parse(names[number % (2 + known)], mode="eval").body)


def base(tree: ast.Module, where: int, number: int) -> None:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in _pick(list(classes), where):
        assert isinstance(node, ast.ClassDef)
        names = ["dict", "int", *(other.name for other in classes if other.lineno < node.lineno)]
        node.bases = [] if node.bases and number % 2 else [ast.Name(names[number % len(names)], ast.Load())]


MATTERING: tuple[Callable[[ast.Module, int, int], None], ...] = (
    constant, operator, name, attribute, swap, bodies, delete, define, parameter, decorator, base, constant,
)  # fmt: skip


# -- edits that cannot matter ------------------------------------------------------------------------


def comments(text: str, where: int, number: int) -> str:
    """Put a comment and an empty line before some statement."""
    lines = text.split("\n")
    for place in range(where % 3, len(lines), 3):
        indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
        lines[place] = f"\n{indent}# note {number}\n{lines[place]}  # {place}"
    return "\n".join(lines)


def docstrings(text: str, where: int, number: int) -> str:
    tree = ast.parse(text)
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module))]
    for node in nodes[where % len(nodes) :]:
        if isinstance(node, ast.ClassDef) and "dataclass" in ast.dump(node):
            continue  # its repr and others are made by the class; the docstring too
        if ast.get_docstring(node) is not None:
            node.body.pop(0)
        node.body.insert(0, ast.Expr(ast.Constant(f"About this, {number}.")))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def renamed(text: str, where: int, number: int) -> str:
    """Rename the local variables of functions, also where functions inside read them."""
    tree = ast.parse(text)
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        # Only names that the function binds are its own: an edit may have made a global of one.
        bound = {node.id for node in names if isinstance(node.ctx, ast.Store)} & {"t", "u", "i", "j"}
        for node in names:
            if node.id in bound:
                node.id = f"{chr(97 + number % 26)}{number}_{node.id}"
    return ast.unparse(tree) + "\n"


def annotations(text: str, where: int, number: int) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = ast.parse(("int", "'nothing'", "list[dict]", "None")[number % 4], mode="eval").body
            for argument in node.args.args:
                argument.annotation = ast.parse(("float", "'x'", "typing.Any")[where % 3], mode="eval").body
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def unrelated(text: str, where: int, number: int) -> str:
    added = (
        f"unrelated = {number}\n",
        f"def unrelated(x):\n    return x + {number}\n",
        f"class Unrelated:\n    v = {number}\n",
        "import os as unrelated\n",
    )[number % 4]
    return added + text if where % 2 else text + added


def reordered(text: str, where: int, number: int) -> str:
    """Move plain functions to the start: what they use is looked up when they are called."""
    tree = ast.parse(text)
    plain = [node for node in tree.body if isinstance(node, ast.FunctionDef) and _is_plain(node, text)]
    rest = [node for node in tree.body if node not in plain]
    tree.body = [*(reversed(plain) if number % 2 else plain), *rest]
    return ast.unparse(tree) + "\n"


def _is_plain(node: ast.FunctionDef, text: str) -> bool:
    defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    constants = all(isinstance(default, ast.Constant) for default in defaults)
    # Where a name is defined twice, the order of definitions matters.
    once = (
        text.count(f"def {node.name}(") == 1
        and f"{node.name} =" not in text
        and f"as {node.name}\n" not in text
    )
    return not node.decorator_list and constants and once


def spread(text: str, where: int, number: int) -> str:
    """Break lines inside brackets after every operator and comma."""
    depth, lines = 0, list(_broken(text, where % 2))
    return "".join(lines) if depth == 0 else text


def _broken(text: str, only: int) -> Iterator[str]:
    source, last, depth = text.splitlines(keepends=True), (1, 0), 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.OP or token.string in (":", "!"):
            continue
        depth += (token.string in "([{") - (token.string in ")]}")
        if depth > 0 and token.string not in ")]}" and (not only or token.string in "+-*,"):
            yield _between(source, last, token.end) + "\n        "
            last = token.end
    yield _between(source, last, (len(source) + 1, 0))


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]]
    last = lines[end[0] - 1][: end[1]] if end[0] <= len(lines) else ""
    return lines[start[0] - 1][start[1] :] + "".join(lines[start[0] : end[0] - 1]) + last


SILENT: tuple[Callable[[str, int, int], str], ...] = (
    comments, docstrings, renamed, annotations, unrelated, reordered, spread,
)  # fmt: skip


def cells(before: str, after: str) -> str:
    """Return the statements that somebody would run again after an edit, and forget what is gone."""
    old = [ast.dump(node) for node in ast.parse(before).body]
    tree = ast.parse(after)
    new = [ast.dump(node) for node in tree.body]
    gone = [node for node, text in zip(ast.parse(before).body, old, strict=True) if text not in new]
    defined = {name for node in tree.body for name in _defines(node)}
    lost = sorted({name for node in gone for name in _defines(node)} - defined)
    changed = [ast.unparse(node) for node, text in zip(tree.body, new, strict=True) if text not in old]
    return "\n".join([*changed, *(f"globals().pop({name!r}, None)" for name in lost)])


def _defines(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]
