"""Scripts that export a trained network in its own environment; the service prints them and never runs them."""

import ast
import sys
from importlib import resources

_PARTS = {
    "sklearn": ("files", "sklearn_steps", "sklearn"),
    "torch": ("files", "chain", "torch"),
    "keras": ("files", "chain", "keras"),
}

FRAMEWORKS = tuple(_PARTS)


def script(framework: str) -> str:
    """The script for one of FRAMEWORKS: its modules in one piece, which imports nothing of this package."""
    docstring, imports, bodies = "", dict[str, set[str]](), []
    for module in _PARTS[framework]:
        text = resources.files(__name__).joinpath(f"{module}.py").read_text("utf-8")
        lines, (first, *nodes) = text.splitlines(keepends=True), ast.parse(text).body
        top = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
        docstring = "".join(lines[: first.end_lineno])
        bodies.append("".join(lines[top[-1].end_lineno :]).strip("\n"))
        for node in top:
            start, _, names = ast.unparse(node).partition(" import " if isinstance(node, ast.ImportFrom) else "\0")
            if __name__ not in start:
                imports.setdefault(start, set()).update(filter(None, names.split(", ")))
    return "\n".join((docstring, _import_lines(imports), "\n\n\n".join(bodies), ""))


def _import_lines(imports: dict[str, set[str]]) -> str:
    """The lines of these imports in the order of ruff: those of the standard library, then the others."""
    groups: tuple[list[str], list[str]] = ([], [])
    for start in sorted(imports, key=lambda start: (start.startswith("from"), start)):
        line = f"{start} import {', '.join(sorted(imports[start]))}" if imports[start] else start
        groups[start.split()[1].partition(".")[0] not in sys.stdlib_module_names].append(f"{line}\n")
    return "\n".join("".join(group) for group in groups if group)
