"""Imports all packages in a folder, and checks what each requires of the others, as `pip check` does."""

import importlib
import sys
from importlib.metadata import distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# CUDA's wheels hold libraries for the linker; torch loads them.
WITHOUT_MODULES = "nvidia-"


def main(folder):
    installed = {canonicalize_name(found.metadata["Name"]): found for found in distributions(path=[folder])}
    problems = [*unmet(installed), *broken(installed)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems or not installed:
        sys.exit(f"{len(problems)} problems in {len(installed)} packages: correct requirements.txt.")
    print(f"{len(installed)} packages fit together and import")


def unmet(installed):
    for name, found in installed.items():
        for text in found.requires or []:
            need = Requirement(text)
            if need.marker is not None and not need.marker.evaluate({"extra": ""}):
                continue
            other = installed.get(canonicalize_name(need.name))
            if other is None or not need.specifier.contains(other.version, prereleases=True):
                yield f"{name} needs {need}, found {other.version if other else 'nothing'}"


def broken(installed):
    for name, found in installed.items():
        if name.startswith(WITHOUT_MODULES):
            continue
        modules = modules_of(found)
        if not modules:
            yield f"{name} has no module"
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception as error:  # a broken library raises anything
                yield f"{name}: import {module}: {error!r}"


def modules_of(found):
    """Returns the packages and modules at the top of a distribution."""
    tops = {(path.parts[0], len(path.parts)) for path in found.files or [] if path.suffix == ".py"}
    names = {part.removesuffix(".py") if depth == 1 else part for part, depth in tops}
    return sorted(name for name in names if name.isidentifier())


if __name__ == "__main__":
    main(*sys.argv[1:])
