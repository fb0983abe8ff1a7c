"""Private names of libraries: the few that we need still exist, and no other one is used."""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import flask_mail
import flask_wtf
import pytest
from kombu.transport import filesystem
from werkzeug.local import LocalProxy

import flaskcelery

SOURCE = Path(flaskcelery.__file__).parent

# (owner, name) and why no public name does it. At most eight.
NEEDED = {
    (flask_mail.Message, "_mimetext"): "the only place where a part's transfer encoding can be chosen",
    (flask_mail.Message, "_message"): "the email before it becomes bytes by a policy that takes twice as long",
    (flask_wtf.CSRFProtect, "_get_csrf_token"): "a form opened before SECRET_KEY changed stays valid",
    (filesystem.Channel, "_put"): "one of the methods that kombu's virtual transports implement",
    (filesystem.Channel, "_get"): "one of the methods that kombu's virtual transports implement",
    (filesystem.Channel, "_size"): "one of the methods that kombu's virtual transports implement",
    (filesystem.Channel, "_queue_bind"): "one of the methods that kombu's virtual transports implement",
}
# Documented despite the underscore.
DOCUMENTED = {
    "_exit": "os._exit",
    "_replace": "collections.namedtuple",
    "_get_current_object": "werkzeug.local.LocalProxy",
}


@pytest.mark.parametrize(("owner", "name"), NEEDED)
def test_a_private_name_that_we_need_still_exists_upstream(owner: type, name: str) -> None:
    assert callable(getattr(owner, name))


def test_no_other_private_name_is_used() -> None:
    assert hasattr(LocalProxy(lambda: 1), "_get_current_object")
    assert len(NEEDED) <= 8
    assert set(_find_overridden()) | set(_find_accessed()) == {name for _, name in NEEDED}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def _trees() -> Iterator[ast.Module]:
    for path in SOURCE.rglob("*.py"):
        yield ast.parse(path.read_text())


def _find_accessed() -> Iterator[str]:
    """Yield the private attributes and imports that nothing in src/ defines."""
    nodes = [node for tree in _trees() for node in ast.walk(tree)]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_own_store(node)}
    for node in nodes:
        names = [node.attr] if isinstance(node, ast.Attribute) else []
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if _is_private(name) and name not in own and name not in DOCUMENTED)


def _is_own_store(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _find_overridden() -> Iterator[str]:
    """Yield the private names in our classes that the source of a library's base class mentions, too."""
    for module in pkgutil.walk_packages([str(SOURCE)], "flaskcelery."):
        loaded = importlib.import_module(module.name)
        for owner in vars(loaded).values():
            if inspect.isclass(owner) and owner.__module__ == module.name:
                upstream = "".join(_library_sources(owner))
                yield from (name for name in _names_in(owner) if re.search(rf"\b{name}\b", upstream))


def _library_sources(owner: type) -> Iterator[str]:
    for base in owner.__mro__[1:]:
        if base.__module__ not in {"builtins", "typing", "abc", "enum"} and not base.__module__.startswith(
            "flaskcelery"
        ):
            with suppress(OSError, TypeError):  # written in C
                yield inspect.getsource(sys.modules[base.__module__])


def _names_in(owner: type) -> set[str]:
    """Return the private names that a class of ours defines or sets on `self`."""
    [tree] = ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner))).body
    nodes = list(ast.walk(tree))
    names = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_own_store(node)}
    names |= {
        target.id
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return set(filter(_is_private, names))
