"""Forks while other threads compute, compile, import and allocate: run by test_forks.py, in a process of its own."""

import os
import signal
import sys
import threading
import time
import warnings

import numba
import numpy as np

import gpuconv
from gpuconv import nn
from gpuconv.kernels.core import memory

FORKS, TIMEOUT = int(sys.argv[1]), 60.0
COMPILE_EVERY = 25
"""Children between two that compile: it takes longer than all else."""
warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork")  # from Python 3.12 on

stop = threading.Event()


def allocate(k):
    """Takes the allocator's lock as often as possible: sizes that the pool does not have yet."""
    i = 0
    while not stop.is_set():
        i += 1
        gpuconv.relu(np.ones((1 << 15) + 16 * (i % 3000) + k, np.float32))


def compile_anew(_):
    """Holds the compilers' locks most of the time."""
    while not stop.is_set():
        numba.njit(lambda x: x + 1)(1)
        time.sleep(0.01)


def compute(_):
    """Uses Numba's threads, and every kind of kernel that training has."""
    while not stop.is_set():
        step()


def step():
    """A step of training."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, seed=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2048, 5, seed=1)
    )
    loss, optimizer = nn.CrossEntropyLoss(), gpuconv.Adam(model.parameters())
    value = loss(model(rng.standard_normal((4, 3, 32, 32)).astype(np.float32)), np.arange(4))
    model.backward(loss.backward(), input_grad=False)
    optimizer.step()
    return float(value)


def child(number, expected):
    """What a child computes, ending with whether it was right."""
    right = np.array_equal(gpuconv.relu(np.ones(123457 + number, np.float32)), np.ones(123457 + number))
    right &= abs(step() - expected) < 1e-5
    memory.forget()
    if number % COMPILE_EVERY == 0:
        right &= numba.njit(lambda x: x + 2)(1) == 3
    os._exit(0 if right else 1)


def ended(pid):
    """The child's status; None where it hangs, and it is killed."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def main():
    """Fork again and again."""
    expected = step()
    threads = [
        threading.Thread(target=job, args=(k,)) for k, job in enumerate((allocate, allocate, compile_anew, compute))
    ]
    for thread in threads:
        thread.start()
    try:
        outcomes = []
        for number in range(FORKS):
            pid = os.fork()
            if pid == 0:
                child(number, expected)
            outcomes.append(ended(pid))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    hung, wrong = outcomes.count(None), sum(status not in (0, None) for status in outcomes)
    print(f"{FORKS} forks, {hung} hung, {wrong} wrong")


main()
