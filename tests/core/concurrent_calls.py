"""Calls from many Python threads, and from forked and spawned processes: run by test_concurrency.py, in a process."""

import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import gpuconv
from gpuconv.testing import assert_close

THREADS, ROUNDS, TIMEOUT = 8, 6, 120


def results(seed):
    """What a few operations of each kind give, large enough for Numba's threads."""
    rng = np.random.default_rng(seed)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((8, 16, 32, 32), (16, 16, 3, 3)))
    y = gpuconv.conv2d(x, w, padding=1, activation="relu")
    pooled, mask = gpuconv.max_pool2d(y, 2)
    scores = gpuconv.linear(pooled.reshape(8, -1), rng.standard_normal((10, 4096)).astype(np.float32))
    return {
        "conv2d": y,
        "input gradient": gpuconv.conv2d_input_grad(y, w, x.shape, padding=1),
        "weight gradient": gpuconv.conv2d_weight_grad(x, y, w.shape, padding=1),
        "winograd": gpuconv.conv2d(x, w, padding=1, algorithm="winograd"),
        "winograd, weight gradient": gpuconv.conv2d_weight_grad(x, y, w.shape, padding=1, algorithm="winograd"),
        "pool": gpuconv.max_pool2d_input_grad(pooled, mask, y.shape, 2),
        "gelu": gpuconv.gelu(x),
        "softmax": gpuconv.softmax(x, 1),
        "scores": scores,
        "loss": gpuconv.cross_entropy(scores, np.arange(8)),
        "normalized": gpuconv.batch_norm2d(x, training=True),
    }


def compare(found, expected):
    """Agree; the number of threads, which a call from a thread may not have, changes the order of sums."""
    for name, result in expected.items():
        algorithm = "winograd" if name.startswith("winograd") else "direct"
        assert_close(found[name], result, terms=8 * 32 * 32, algorithm=algorithm)


def from_threads():
    """As many threads as calls at once, each with data of its own, again and again."""
    expected = {seed: results(seed) for seed in range(THREADS)}
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(ROUNDS):
            for seed, found in enumerate(pool.map(results, range(THREADS))):
                compare(found, expected[seed])


def _send(queue, seed):
    queue.put(results(seed))


def from_processes(method):
    """A child, started after the parent has used its threads."""
    expected, context = results(0), multiprocessing.get_context(method)
    queue = context.Queue()
    child = context.Process(target=_send, args=(queue, 0))
    child.start()
    compare(queue.get(timeout=TIMEOUT), expected)
    child.join(TIMEOUT)
    assert child.exitcode == 0


if __name__ == "__main__":
    from_threads() if sys.argv[1] == "threads" else from_processes(sys.argv[1])
    print("right")
