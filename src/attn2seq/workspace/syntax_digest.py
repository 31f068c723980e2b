"""The digest of a module's syntax tree: equal where the module does the same.

Left out are comments, docstrings and layout; the annotations of functions and variables, and what
only a type checker imports; the texts of errors that are raised and of progress messages. Those of
a class's fields stay, since settings are validated by them. The digest does not depend on which
version of Python parsed the module, so the tree is written out here and not by `ast.dump`.
"""

import ast
import hashlib
from dataclasses import dataclass
from typing import Any

# A statement that calls a function of these names tells the user something.
SAYS = {"say", "say_result"}


@dataclass(frozen=True)
class Module:
    """What counts of a module."""

    digest: str  # 16 hexadecimal digits
    imports: tuple[str, ...]  # every name that it may import when it runs, wherever it does so


def parse(source: bytes) -> Module:
    """The module with this source. Raises SyntaxError or ValueError where it is not Python."""
    tree = ast.parse(source)
    parts: list[str] = []
    names: list[str] = []
    _Canonical(parts, names).statements(tree.body, in_class=False)
    digest = hashlib.sha256("".join(parts).encode()).hexdigest()[:16]
    return Module(digest, tuple(dict.fromkeys(names)))


class _Canonical:
    """Writes a syntax tree out, the same whatever Python parsed it, less what does not count."""

    def __init__(self, parts: list[str], imports: list[str]) -> None:
        self._parts, self._imports = parts, imports

    def statements(self, body: list[ast.stmt], in_class: bool) -> None:
        for node in body:
            if _is_text(node):
                continue  # a docstring
            if isinstance(node, ast.If) and _is_type_checking(node.test):
                self.statements(node.orelse, in_class)
            elif isinstance(node, ast.AnnAssign) and not in_class:
                if node.value is not None:
                    assign = ast.Assign(targets=[node.target], value=node.value)
                    self._node(assign, silent=False)
            else:
                self._node(node, silent=_says(node))

    def _node(self, node: ast.AST, silent: bool) -> None:
        """One node; `silent` leaves texts out."""
        if silent and (isinstance(node, ast.JoinedStr) or _is_string(node)):
            self._parts.append("text;")
            return
        self._note_imports(node)
        self._parts.append(f"{type(node).__name__}(")
        for name, value in ast.iter_fields(node):
            if value is None or value == [] or name in ("ctx", "kind", "type_comment"):
                continue
            if isinstance(node, ast.JoinedStr):  # Python 3.12 has empty texts in some of them
                value = [item for item in value if not (_is_string(item) and not item.value)]
            if name == "returns" or (name == "annotation" and isinstance(node, ast.arg)):
                continue
            self._parts.append(f"{name}=")
            if isinstance(value, list) and isinstance(value[0], ast.stmt):
                self.statements(value, in_class=isinstance(node, ast.ClassDef))
            else:
                self._value(value, silent)
        self._parts.append(")")

    def _value(self, value: Any, silent: bool) -> None:
        if isinstance(value, list):
            for item in value:
                self._value(item, silent)
        elif isinstance(value, ast.AST):
            self._node(value, silent)
        else:
            self._parts.append(f"{value!r};")

    def _note_imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            self._imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            self._imports += [node.module, *(f"{node.module}.{item.name}" for item in node.names)]


def _says(node: ast.stmt) -> bool:
    """Whether its texts go to the user: an error that is raised, or a progress message."""
    if isinstance(node, ast.Raise):
        return True
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    called = node.value.func
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) in SAYS


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and _is_string(node.value)


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_type_checking(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"
