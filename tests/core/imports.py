"""Which module of gpuconv imports which, read from the source: relative imports, and imports inside functions."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {"gpuconv": ROOT / "gpuconv", "gpuconv.kernels": ROOT / "kernels"}
"""Folders of the repository by the package that they are installed as."""


def modules():
    """{module: file} of gpuconv and its kernels; a package is named without __init__."""
    found = {}
    for package, folder in FOLDERS.items():
        for file in sorted(folder.rglob("*.py")):
            components = (package, *file.relative_to(folder).with_suffix("").parts)
            found[".".join(part for part in components if part != "__init__")] = file
    return found


def _for_type_checkers(tree):
    """The nodes below `if TYPE_CHECKING`, which no program runs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for statement in node.body:
                yield from ast.walk(statement)


def _absolute(node, module, is_package):
    """The module that an import statement names before its `import`."""
    if not node.level:
        return node.module
    parents = module.split(".")
    parents = parents[: len(parents) - node.level + is_package]
    return ".".join([*parents, *([node.module] if node.module else [])])


def imports_of(module, file, known, *, lazily=True):
    """Modules of gpuconv that a module imports; those inside its functions too, if `lazily`."""
    tree, found = ast.parse(file.read_text()), set()
    skipped = set(map(id, _for_type_checkers(tree)))
    if not lazily:
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.Lambda))]
        skipped |= {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, module, file.name == "__init__.py")
            # `from package import module` is an import of the module
            found |= {f"{source}.{a.name}" if f"{source}.{a.name}" in known else source for a in node.names}
    return {name for name in found if name in known and name != module}


def graph(*, lazily=True):
    """{module: modules it imports} of gpuconv and its kernels."""
    known = modules()
    return {module: imports_of(module, file, known, lazily=lazily) for module, file in known.items()}


def cycles(edges):
    """Groups of modules that import each other, directly or through others (Tarjan's algorithm)."""
    order, low, stack, found = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in edges[module]:
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1:
                found.append(sorted(group))

    for module in edges:
        if module not in order:
            visit(module)
    return found
