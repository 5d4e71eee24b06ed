"""A training process that is killed resumes from the last whole checkpoint, which is never half-written, as if nothing had happened."""

import signal
import subprocess
import time

import numpy as np
import pytest
from helpers import program, same_learning

import pushforward as pf

pytestmark = pytest.mark.slow

TRAINING = """
import os, signal, sys
from pathlib import Path
import numpy as np
import pushforward as pf

path, n_chunks, die = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rng = np.random.default_rng(0)
X, y = rng.normal(size=(n_chunks, 50, 2)), rng.normal(size=(n_chunks, 50))
if path.exists():
    model = pf.load(path)
else:
    model = pf.RecurrentRegressor(n_units=40, dtype="float64", update_every=3, carry_every=7, n_threads=1)
done = getattr(model, "n_steps_", 0) // 50 if path.exists() else 0
if die == "writing":
    def half(arrays, name, metadata):
        Path(name).write_bytes(b"x" * 5000)
        os.kill(os.getpid(), signal.SIGKILL)
elif die == "before the rename":
    def half(*_):
        os.kill(os.getpid(), signal.SIGKILL)
for chunk in range(done, n_chunks):
    model.partial_fit(X[chunk], y[chunk])
    if die != "not" and chunk == done + 2:
        setattr(*((pf.io, "save_file") if die == "writing" else (os, "replace")), half)
    model.save(path)
    print(chunk, flush=True)
"""


def training(path, n_chunks, die="not"):
    return program("-c", TRAINING, path, n_chunks, die)


def uninterrupted(n_chunks, tmp_path):
    subprocess.run(**training(tmp_path / "whole", n_chunks), capture_output=True, check=True)
    return pf.load(tmp_path / "whole")


@pytest.mark.parametrize("moment", ["writing", "before the rename"])
def test_killed_while_saving_it_resumes_from_the_last_whole_file(moment, tmp_path):
    path = tmp_path / "m"
    for seen in (2, 4):
        done = subprocess.run(**training(path, 6, moment), capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL
        assert pf.load(path).n_steps_ == 50 * seen
    subprocess.run(**training(path, 6), capture_output=True, check=True)
    same_learning(pf.load(path), uninterrupted(6, tmp_path))


def test_killed_at_any_moment_it_resumes_bit_for_bit(tmp_path):
    path, n_chunks, rng = tmp_path / "m", 300, np.random.default_rng(0)
    for _ in range(3):
        with subprocess.Popen(**training(path, n_chunks), stdout=subprocess.PIPE) as process:
            process.stdout.readline()  # one checkpoint is there
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
            last = process.stdout.read().split()
        reached = pf.load(path).n_steps_ // 50
        if last:
            assert reached >= int(last[-1]) + 1
    assert 3 <= reached < n_chunks
    subprocess.run(**training(path, n_chunks), capture_output=True, check=True)
    same_learning(pf.load(path), uninterrupted(n_chunks, tmp_path))
