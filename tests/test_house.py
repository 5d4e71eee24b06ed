"""The rules of the house (CONTRIBUTING.md): which room may name which, what never appears where, and sizes at which to stop and think."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CPP = ROOT / "cpp" / "pushforward"
PYTHON = ROOT / "python" / "pushforward"
TESTS = ROOT / "tests"

if not CPP.is_dir() or not PYTHON.is_dir():
    pytest.skip("the source tree is not beside the tests", allow_module_level=True)

MAY_INCLUDE = {  # room: the rooms whose headers it may include, its own aside
    "core": set(),
    "simd": {"core"},
    "cells": {"core"},
    "carry": {"core", "cells"},
    "linalg": {"core"},
    "train": {"core", "cells", "carry"},
    "reservoir": {"core", "cells", "carry", "linalg", "train"},  # train: the optimiser, for poles that learn
    "koopman": {"core", "cells", "carry", "linalg"},
    "wide": {"core"},
    "derivatives": {"core", "cells", "carry", "train"},
}
INTERFACES = {"cells": {"cell.hpp", "group.hpp"}, "carry": {"carry.hpp"}}  # what the rest of the house may know of these rooms
SIZES = {  # glob: lines at which to stop and think
    "cpp/pushforward/**/*.[ch]pp": 250,
    "cpp/bind/*.[ch]pp": 150,
    "python/pushforward/**/*.py": 250,
    "tests/**/*.[cp][py]*": 300,
    "CMakeLists.txt": 90,
    "README.md": 160,
}
MAY_NAME_THE_EXTENSION = {"conftest.py", "test_core.py", "test_build.py"}
BUILD_FILES = ["CMakeLists.txt", "CMakePresets.json", "pyproject.toml", ".ci/run"]


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in {".hpp", ".cpp"})


def relative(path):
    return str(path.relative_to(ROOT))


def code(path):
    """The text of a C++ file without comments, and with strings emptied (an included path stays)."""
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(encoding="utf-8"), flags=re.S)
    lines = []
    for line in text.splitlines():
        if not re.match(r"\s*#\s*include", line):
            line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
        lines.append(re.sub(r"//.*", "", line))
    return "\n".join(lines)


def includes(path):
    """The files of the project that a C++ file includes, relative to cpp/pushforward."""
    for name in re.findall(r'#\s*include\s*"([^"]+)"', code(path)):
        for base in (path.parent, CPP.parent):
            target = (base / name).resolve()
            if target.is_file() and target.is_relative_to(CPP):
                yield target.relative_to(CPP)
                break


def types_declared(path):
    return set(re.findall(r"^\s*(?:class|struct)\s+([A-Z]\w+)[^;=]*\{", code(path), flags=re.M))


def repository_files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]
    rooms = ["cpp", "python", "tests", "bench", ".ci"]  # an unpacked source distribution
    return [p for room in rooms for p in (ROOT / room).rglob("*") if p.is_file() and "__pycache__" not in p.parts]


def imports(path):
    """The absolute names of all that a Python file imports."""
    inside = path.is_relative_to(PYTHON)
    package = ("pushforward", *path.relative_to(PYTHON).parent.parts) if inside else ()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def names_the_extension(path):
    return any(name.split(".")[-1] == "_core" or "._core." in name for name in imports(path))


@pytest.mark.parametrize("path", sources(CPP), ids=relative)
def test_kernels_do_not_know_python_and_do_not_print(path):
    found = re.findall(r"Python\.h|pybind11|<iostream>|\bgetenv\b|\bstd::c(?:out|err)\b|\bf?printf\b|\babort\s*\(|\bexit\s*\(", code(path))
    assert not found, f"{relative(path)}: {found}"


@pytest.mark.parametrize("path", sources(CPP), ids=relative)
def test_rooms_include_only_what_the_arrows_allow(path):
    room = path.relative_to(CPP).parts[0]
    assert room in MAY_INCLUDE, f"{relative(path)}: a new room needs its arrow here and in CONTRIBUTING.md"
    for target in includes(path):
        other = target.parts[0]
        if relative(path) == "cpp/pushforward/core/ops.cpp" and other == "simd":
            continue  # the one place where the instruction sets meet
        assert other == room or other in MAY_INCLUDE[room], f"{relative(path)} includes {target}"
        if room == "carry" and other == "cells":
            assert target.name in INTERFACES["cells"], f"{relative(path)} includes {target}: a carry knows the interface of cells only"


def test_cells_and_carries_do_not_name_each_other():
    for room, other in (("cells", "carry"), ("carry", "cells")):
        theirs = set().union(*(types_declared(p) for p in sources(CPP / other) if p.name not in INTERFACES[other]), set())
        for path in sources(CPP / room):
            named = set(re.findall(r"\w+", code(path))) & (theirs - types_declared(path))
            assert not named, f"{relative(path)} names {sorted(named)} of {other}/"


def test_pybind11_lives_in_bind_only():
    for path in sources(ROOT / "cpp"):
        assert path.is_relative_to(ROOT / "cpp" / "bind") or "pybind11" not in code(path), relative(path)


def test_the_reference_does_not_use_what_it_judges():
    for path in (PYTHON / "reference").rglob("*.py"):
        assert not names_the_extension(path), relative(path)


def test_only_the_package_names_the_extension():
    for path in [*TESTS.rglob("*.py"), *(ROOT / "bench").rglob("*.py")]:
        if path.name not in MAY_NAME_THE_EXTENSION:
            assert not names_the_extension(path), f"{relative(path)}: go through pushforward.kernels or an estimator"


def test_tests_do_not_import_the_benchmarks():
    for path in TESTS.rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0] == "bench"], relative(path)


def test_the_package_does_not_import_its_tests_or_benchmarks():
    for path in PYTHON.rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0] in {"bench", "tests", "pytest"}], relative(path)


def test_no_data_and_no_build_products_in_the_repository():
    for path in repository_files():
        assert path.stat().st_size <= 400_000, f"{relative(path)} is {path.stat().st_size} bytes: data are fetched, not committed"
        assert path.suffix not in {".so", ".o", ".a", ".whl", ".pyc", ".pkl", ".safetensors"}, relative(path)


@pytest.mark.parametrize(("glob", "limit"), SIZES.items())
def test_files_stay_readable(glob, limit):
    long = {relative(p): n for p in ROOT.glob(glob) if (n := len(p.read_text(encoding="utf-8").splitlines())) > limit}
    assert not long, f"over {limit} lines, split by concept: {long}"


@pytest.mark.parametrize("name", BUILD_FILES)
def test_flags_that_break_other_machines_or_other_code_are_absent(name):
    found = re.findall(r"-march=native|-mtune=native|-ffast-math|-Ofast|-funsafe-math\S*", (ROOT / name).read_text(encoding="utf-8"))
    assert not found, f"{name}: {found}"


def test_version_stands_in_one_place():
    version = re.search(r'"(.+)"', (PYTHON / "_version.py").read_text(encoding="utf-8")).group(1)
    for name in ["CMakeLists.txt", "pyproject.toml"]:
        assert f'"{version}"' not in (ROOT / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("what", [r"python3 -m venv .*pushforward train", r"python3 -m venv .*pytest"])
def test_the_readme_holds_the_two_commands(what):
    assert re.search(what, (ROOT / "README.md").read_text(encoding="utf-8")), "the README must give each set-up in one line"
