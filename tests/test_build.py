"""The wheel as built: one version, a typed package, instruction sets that do not leak into each other, and no change to the process."""

import importlib.metadata
import importlib.resources
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import pushforward as pf
from pushforward import _core

ROOT = Path(__file__).resolve().parents[1]
ON_X86 = sysconfig.get_platform().endswith("x86_64")
LEVELS = ["x86-64-v4", "x86-64-v3", "x86-64-v2", "base"]
SANITIZER = {"LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS", "PYTHONMALLOC", "PYTHONPATH"}


def test_version_is_the_metadata_version():
    assert pf.__version__ == importlib.metadata.version("pushforward")


@pytest.mark.parametrize("name", ["py.typed", "_core.pyi"])
def test_types_are_shipped(name):
    assert importlib.resources.files(pf).joinpath(name).is_file()


@pytest.mark.parametrize("scalar", [np.float32, np.float64])
def test_import_leaves_small_numbers_alone(scalar):
    small = np.finfo(scalar).smallest_normal / scalar(64)  # a flag given to the linker would flush it to zero, for the whole process
    x = np.full(37, small)
    assert np.all(x * scalar(2) == small * scalar(2))
    assert np.all(x * scalar(2) > 0)


def test_import_is_quiet_and_starts_no_thread():
    code = "import os, pushforward._core; print(len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1)"
    env = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **{key: os.environ[key] for key in SANITIZER & set(os.environ)}}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=env, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"
    assert not done.stderr


def test_levels_are_ordered_and_can_only_be_lowered_to_usable_ones():
    usable = _core.usable_isas()
    assert usable == sorted(usable, key=LEVELS.index)
    assert _core.isa() in usable
    for wrong in ["x86-64-v9", "", *set(LEVELS) - set(usable)]:
        before = _core.isa()
        with pytest.raises(ValueError, match=re.escape(wrong) if wrong else None):
            _core.set_isa(wrong)
        assert _core.isa() == before


def test_a_level_stays_until_it_is_changed(isa):
    assert _core.isa() == isa


def eigen_include():
    for folder in (Path(sysconfig.get_paths()["purelib"]) / "cmeel.prefix/include/eigen3", Path("/usr/include/eigen3")):
        if (folder / "Eigen/Core").is_file():
            return folder
    pytest.skip("needs Eigen: pip install cmeel-eigen")


@pytest.mark.slow
@pytest.mark.skipif(not ON_X86, reason="only x86-64 has several levels")
def test_instruction_sets_share_no_weak_symbol(tmp_path):
    """The linker keeps one copy of a weak symbol: shared ones would run AVX-512 code on old processors, or SSE code on new ones."""
    compiler = shutil.which("g++")
    if compiler is None or shutil.which("nm") is None:
        pytest.skip("needs g++ and nm")
    source = ROOT / "cpp/pushforward/simd/kernels.cpp"
    if not source.is_file():
        pytest.skip("the source tree is not beside the tests")
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    common = re.search(r"set\(KERNEL_FLAGS (.*)\)", cmake).group(1).split()
    levels = dict(re.findall(r"add_kernels\((v\d) (.*?)\)", cmake))
    assert set(levels) == {"v2", "v3", "v4"}
    common += ["-std=c++20", "-DNDEBUG", "-DEIGEN_DONT_PARALLELIZE", "-fPIC", "-fvisibility=hidden", "-fvisibility-inlines-hidden"]
    common += ["-isystem", str(eigen_include()), "-I", str(ROOT / "cpp"), "-c", str(source)]
    weak, objects, running = {}, {isa: tmp_path / f"{isa}.o" for isa in levels}, {}
    for isa, flags in levels.items():
        command = [compiler, *common, *flags.split(), f"-DPF_ISA={isa}", f"-DEigen=Eigen_{isa}", "-o", str(objects[isa])]
        running[isa] = subprocess.Popen(command)
    for isa, process in running.items():
        assert process.wait(timeout=300) == 0
        listing = subprocess.run(["nm", str(objects[isa])], capture_output=True, text=True, check=True).stdout
        weak[isa] = {line.split()[-1] for line in listing.splitlines() if line.split()[-2] in "WVuwv"} - {"DW.ref.__gxx_personality_v0"}
    for one, other in [("v2", "v3"), ("v3", "v4"), ("v2", "v4")]:
        shared = weak[one] & weak[other]
        demangled = subprocess.run(["c++filt"], input="\n".join(sorted(shared)), capture_output=True, text=True, check=False).stdout
        assert not shared, f"{one} and {other} share weak symbols:\n{demangled}"
