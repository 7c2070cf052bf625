"""Implementations that `@overload`, `@overload_method` and `@overload_attribute` have registered for kernels."""

from typing import Any

from .hasher import is_known

_KEPT: dict[str, Any] = {}


def implementations(function: Any) -> list[Any]:
    """Implementations of a function that is not of a package, such as those of `@register_jitable`."""
    found: list[Any] = _index()["functions"].get(id(function), [])
    return found


def of_packages() -> list[Any]:
    """Implementations, by others than the packages themselves, of their functions, methods and attributes.

    Any kernel may use them, and nothing in its bytecode says so.
    """
    found: list[Any] = _index()["packages"]
    return found


def _index() -> dict[str, Any]:
    """Both of the above, built anew when something has been registered: registries only grow."""
    registries = _registries()
    sizes = [len(part) for registry in registries for part in (registry.globals, registry.attributes)]
    if _KEPT.get("sizes") == sizes:
        return _KEPT
    functions: dict[int, list[Any]] = {}
    packages: list[Any] = []
    for registry in registries:
        for value, kind in registry.globals:
            made = [t for t in map(_implementation, getattr(kind, "templates", ())) if t is not None]
            if made and is_known(value):
                packages += made
            elif made:
                functions.setdefault(id(value), []).extend(made)
        packages += [t for t in map(_implementation, registry.attributes) if t is not None]
    _KEPT.update(sizes=sizes, functions=functions, packages=packages)
    return _KEPT


def _implementation(template: Any) -> Any:
    """The user's function behind a template; None for those of the packages."""
    function = getattr(template, "_overload_func", None)
    return None if function is None or is_known(function) else function


def _registries() -> list[Any]:
    from numba.core.typing import templates as core
    from numba.cuda.typing import templates

    return list({id(r): r for r in (templates.builtin_registry, core.builtin_registry)}.values())
