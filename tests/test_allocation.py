"""A time step allocates nothing: every allocation of a process is counted, and a run twice as long makes not one more."""

import json
import os
import shutil
import subprocess

import pytest
from helpers import run_program

if shutil.which("g++") is None:
    pytest.skip("needs g++ to compile the counting allocator", allow_module_level=True)
if "san.so" in os.environ.get("LD_PRELOAD", ""):
    pytest.skip("a sanitizer has already replaced malloc", allow_module_level=True)

pytestmark = pytest.mark.slow

COUNTER = r"""
#include <atomic>
#include <cerrno>
#include <cstddef>
static std::atomic<long> n{0};
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
long allocations() { return n.load(); }
void* malloc(std::size_t size) { ++n; return __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) { ++n; return __libc_calloc(count, size); }
void* realloc(void* p, std::size_t size) { ++n; return __libc_realloc(p, size); }
void* memalign(std::size_t alignment, std::size_t size) { ++n; return __libc_memalign(alignment, size); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { ++n; return __libc_memalign(alignment, size); }
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  ++n;
  *p = __libc_memalign(alignment, size);
  return *p ? 0 : ENOMEM;
}
}
"""

PROGRAM = """
import ctypes, json, sys
import numpy as np
import pushforward as pf

count = ctypes.CDLL(None).allocations
count.restype = ctypes.c_long
before = count()
kept = [ctypes.create_string_buffer(4096) for _ in range(100)]
assert count() - before >= 100  # or it counts nothing


def costs(settings, n_series, classes, extra):
    optimizer = getattr(pf, settings.pop("optimizer", "RMSprop"))(learning_rate=1e-4, clip_norm=1.0)
    model = (pf.RecurrentClassifier if classes else pf.RecurrentRegressor)(n_inputs=3, optimizer=optimizer, **settings)
    rng = np.random.default_rng(0)
    data = {}
    for n_steps in (4000, 8000):
        shape = (n_series, n_steps) if n_series else (n_steps,)
        X = rng.integers(3, size=shape) if extra == "tokens" else rng.normal(size=(*shape, 3)).astype("float32")
        y = rng.integers(2, size=shape) if classes else rng.normal(size=(*shape, 2)).astype("float32")
        data[n_steps] = X, y, (rng.random(shape) < 0.5 if extra == "mask" else None)

    def cost(n_steps):
        X, y, mask = data[n_steps]
        before = count()
        model.partial_fit(X, y, mask=mask)
        return count() - before

    cost(8000)  # whatever is made once
    return [min(cost(n) for _ in range(4)) for n in (4000, 8000)]


def online_costs(kind, dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8000, 20)).astype(dtype), rng.normal(size=(8000, 2)).astype(dtype)
    model = getattr(pf.kernels, kind)(dtype=dtype)

    return run_costs(lambda n: model.run(X[:n], y[:n]))


def run_costs(run):
    def cost(n_steps):
        before = count()
        run(n_steps)
        return count() - before

    cost(8000)  # whatever is made once
    return [min(cost(n) for _ in range(4)) for n in (4000, 8000)]


def network_costs(topology, n_series, what, dtype):
    rng = np.random.default_rng(0)
    if what == "rollout":
        start, W, A = rng.normal(size=(n_series, 3, 2)), rng.normal(size=(40, 6)), 0.01 * rng.normal(size=(2, 47))
        return run_costs(lambda n: pf.kernels.sampled_rollout(start, n, W, np.zeros(40), A))
    W = getattr(pf.reservoirs, topology)(40, spectral_radius=0.9, dtype=dtype, random_state=0)
    X, W_in = rng.normal(size=(n_series, 8000, 1)).astype(dtype), np.ones((40, 1), dtype)
    if what == "states":
        drive, out = {n: np.ascontiguousarray(X[:, :n]) for n in (4000, 8000)}, {n: np.empty((n_series, n, 40), dtype) for n in (4000, 8000)}
        return run_costs(lambda n: pf.kernels.reservoir_states(W, W_in, None, drive[n], out=out[n]))
    esn = pf.EchoStateRegressor(n_units=40, topology=W, dtype=dtype).fit(X[0], X[0])
    return run_costs(lambda n: esn.simulate(n, warmup=X[0, :200]))


found = {name: costs(*case) for name, case in json.loads(sys.argv[1]).items()}
found |= {name: online_costs(*case) for name, case in json.loads(sys.argv[2]).items()}
print(json.dumps(found | {name: network_costs(*case) for name, case in json.loads(sys.argv[3]).items()}))
"""

CASES = {
    "chosen block": [{"n_units": 8}, None, False, None],
    "H = 1": [{"n_units": 8, "carry_every": 1, "optimizer": "Adam"}, None, False, None],
    "H = 7, K = 3": [{"n_units": 8, "carry_every": 7, "update_every": 3, "optimizer": "SGD"}, None, False, "mask"],
    "bounded latency": [{"n_units": 8, "carry_every": 7, "latency": "bounded", "cell": "linear"}, None, False, None],
    "bounded weights": [{"n_units": 8, "weight_bound": 1.0, "readout_bound": 1.0, "optimizer": "AdamW"}, None, False, "tokens"],
    "truncated": [{"n_units": 8, "gradient": "tbptt", "truncation": 5, "update_every": 2}, None, True, None],
    "batch": [{"n_units": 8, "n_threads": 2}, 3, True, "tokens"],
    "element-wise": [{"n_units": 600, "cell": "elstm", "n_threads": 2, "carry_every": 5, "update_every": 2}, None, False, "tokens"],
    "SnAp-1": [{"n_units": 8, "gradient": "snap1", "carry_every": 4, "weight_bound": 1.0}, None, False, "mask"],
    "local rule": [{"n_units": 8, "cell": "gru", "gradient": "rflo", "update_every": 16}, None, True, None],
    "threads": [{"n_units": 48, "n_threads": 2, "carry_every": 16}, None, True, None],
}

ONLINE = {
    "recursive least squares": ["RLS", "float64"],
    "complex recursive least squares": ["RLS", "complex64"],
    "normalised least mean squares": ["NLMS", "float64"],
}

NETWORKS = {
    "sparse reservoir": ["random", 1, "states", "float64"],
    "complex ring": ["ring", 1, "states", "complex128"],
    "series side by side": ["random", 20, "states", "float32"],
    "closed loop": ["cycle_with_jumps", 1, "simulate", "float64"],
    "sampled network": [None, 5, "rollout", "float64"],
}


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    """Allocations of one call on 4,000 and on 8,000 steps, of every case."""
    folder = tmp_path_factory.mktemp("counter")
    (folder / "counter.cpp").write_text(COUNTER)
    command = ["g++", "-O1", "-shared", "-fPIC", "-fno-builtin", "-o", folder / "counter.so", folder / "counter.cpp"]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(run_program("-c", PROGRAM, json.dumps(CASES), json.dumps(ONLINE), json.dumps(NETWORKS), LD_PRELOAD=str(folder / "counter.so")))


@pytest.mark.parametrize("case", [*CASES, *ONLINE])
def test_a_step_allocates_nothing(case, costs):
    short, long = costs[case]
    assert short == long
    assert short < 100  # the call itself: a few Python objects


@pytest.mark.parametrize("case", NETWORKS)
def test_a_step_of_a_network_allocates_nothing(case, costs):
    short, long = costs[case]
    assert long <= short + 10  # a look for Ctrl-C every so many milliseconds
    assert short < 200  # the call itself: the checks and the network
