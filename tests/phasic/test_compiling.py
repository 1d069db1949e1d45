"""Kernels: plain Python and machine code agree to the last bit, and no cache costs an answer."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phasic import compiling, elimination, moments, replay
from phasic.kernels import elimination as kernels
from phasic.kernels import filling, ordering, structure
from phasic.trace import Trace

ROOT = Path(__file__).resolve().parents[2]
seeds = st.integers(0, 2**32 - 1)
MODEL = """
import sys
import numpy as np
from phasic import elimination, moments
n = {n}
source = np.repeat(np.arange(1, n + 1), 3)
targets = np.stack([np.arange(2, n + 2), np.arange(1, n + 1) * 7 % n + 1, np.arange(1, n + 1) * 3 % n + 1])
offsets = np.concatenate([[0], np.arange(n + 1) * 3, [3 * n]])
alpha = np.eye(n + 2)[1]
factors = elimination.eliminate(offsets, targets.T.ravel(), np.arange(1.0, 3 * n + 1))
mean = moments.moments(factors, alpha, 2), moments.variance(factors, alpha)
"""

ONE_KERNEL = """
import numba
import numpy as np
from phasic.kernels.structure import reach
marked = np.arange(50) == 0
reach(np.arange(51), np.arange(1, 51, dtype=np.int32) % 50, np.arange(50) != 30, marked)
print(marked.sum())
"""


@pytest.fixture
def plain(monkeypatch):
    """Run a function with every kernel in plain Python."""

    def run(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(compiling.Kernel, "__call__", compiling.Kernel._interpret_all, raising=False)
            return function(*arguments)

    compiling.Kernel._interpret_all = lambda self, *arguments: self._interpret(arguments)
    yield run
    del compiling.Kernel._interpret_all


def everything(model):
    factors = elimination.eliminate(*model.edges)
    numbers = [
        *(factors.trace.arrays().values()),
        *(factors.lower, factors.upper, factors.leave),
        factors.solve_transposed(model.alpha),
        moments.moments(factors, model.alpha, 3, discrete=model.discrete),
        moments.covariances(factors, model.alpha, [None, model.alpha], model.discrete),
    ]
    return [np.asarray(number).tobytes() for number in numbers]


@pytest.mark.parametrize(
    "model",
    [
        oracle.islands(4),
        oracle.erlang(5),
        oracle.near_trap(),
        oracle.random_model(5, 60, density=0.1),
        oracle.random_model(6, 20, spread=200),
    ],
)
def test_plain_python_and_machine_code_agree_to_the_last_bit(model, plain):
    assert plain(everything, model) == everything(model)


@given(seeds, st.booleans())
@settings(max_examples=10)
def test_random_chains_too(seed, discrete):
    model = oracle.random_model(seed, n=30, spread=3, discrete=discrete)
    kernel_call = compiling.Kernel.__call__
    compiled = everything(model)
    try:
        compiling.Kernel.__call__ = lambda self, *arguments: self._interpret(arguments)
        assert everything(model) == compiled
    finally:
        compiling.Kernel.__call__ = kernel_call


def test_one_signature_serves_fresh_stored_and_replayed_arrays():
    model = oracle.random_model(5, 60, density=0.1)
    trace = elimination.record(model.offsets, model.targets)
    stored = Trace.from_arrays({name: array.copy() for name, array in trace.arrays().items()})
    frozen = model.weights.copy()
    frozen.flags.writeable = False
    odd = np.repeat(model.weights, 2)[::2]
    for plan, weights in [(trace, model.weights), (stored, frozen), (stored, odd)]:
        factors = replay.factorise(plan, weights)
        factors.solve(np.ones(model.n))
        factors.solve_transposed(model.alpha)
    for module in (kernels, structure, ordering, filling):
        for kernel in vars(module).values():
            if isinstance(kernel, compiling.Kernel):
                real = [s for s in kernel.signatures if "complex" not in str(s)]
                assert len(real) <= 1, kernel.__name__


def test_strided_and_unaligned_arrays_are_copied_first():
    model = oracle.islands(4)
    marked = np.array(model.alpha > 0)
    kernel = structure.reach
    expected = marked.copy()
    opened = np.ones(model.targets.size, bool)
    targets = model.targets.astype(np.int32)
    kernel(model.offsets, targets, opened, expected)
    raw = np.zeros(targets.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.int32)
    unaligned[:] = targets
    kernel(np.repeat(model.offsets, 2)[::2], unaligned, opened, marked)
    np.testing.assert_array_equal(marked, expected)


def fresh(code, cache, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT), **environment},
    )


def printed(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return out


def test_a_cold_process_answers_about_a_small_graph_without_numba(tmp_path):
    code = MODEL.format(n=30) + "print('numba' in sys.modules)"
    assert printed(fresh(code, tmp_path)) == "False\n"


@pytest.mark.slow
def test_small_work_that_goes_on_loads_numba(tmp_path):
    code = """
import sys
from phasic import compiling
compiling._PRICE = 1e-9
""" + MODEL.format(n=30)
    assert printed(fresh(code + "print('numba' in sys.modules)", tmp_path)) == "True\n"


@pytest.mark.slow
def test_sixteen_cold_processes_agree_on_an_empty_cache_and_on_a_full_one(tmp_path):
    for _ in ("empty", "full"):
        processes = [fresh(ONE_KERNEL, tmp_path) for _ in range(16)]
        assert {printed(process) for process in processes} == {"31\n"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("content", [b"", b"not a pickle"])
def test_a_damaged_kernel_cache_costs_time_only(tmp_path, name, content):
    first = printed(fresh(ONE_KERNEL, tmp_path))
    files = list(tmp_path.rglob(name))
    assert files
    for file in files:
        file.write_bytes(content)
    assert printed(fresh(ONE_KERNEL, tmp_path)) == first


@pytest.mark.slow
def test_a_kernel_cache_that_cannot_be_written_costs_time_only(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert printed(fresh(ONE_KERNEL, tmp_path / "file" / "below")) == printed(
        fresh(ONE_KERNEL, tmp_path / "good")
    )


@pytest.mark.slow
def test_the_kernel_cache_can_be_switched_off(tmp_path):
    printed(fresh(ONE_KERNEL, tmp_path, PHASIC_KERNEL_CACHE="0"))
    assert not list(tmp_path.rglob("*.nb?"))
