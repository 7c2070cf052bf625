"""Children of a process whose other threads hold the library's locks.

GPUCONV_FORKS=1000 forks as often; the suite forks a few dozen times.
"""

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import gpuconv
from gpuconv.core.compile_notice import Notice
from gpuconv.kernels.core import forks, memory
from gpuconv.kernels.cuda.driver_launch import Entry

FORKS = int(os.environ.get("GPUCONV_FORKS", "40"))
SCRIPT = Path(__file__).with_name("forking.py")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


@pytest.mark.timeout(300 + 5 * FORKS)
@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_no_child_hangs_or_errs_under_load(layer):
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer, "GPUCONV_DEVICE": "cpu"}
    command = [sys.executable, str(SCRIPT), str(FORKS)]
    run = subprocess.run(command, env=environment, cwd=SCRIPT.parents[2], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, f"{FORKS} forks, 0 hung, 0 wrong\n"), run.stderr


def _fork(work):
    """Exit status of a child that does some work, 9 where it hangs."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    killer = threading.Timer(60, os.kill, (pid, 9))
    killer.start()
    status = os.waitpid(pid, 0)[1]
    killer.cancel()
    return status


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
@pytest.mark.parametrize("name", ["allocator", "import", "threads", "numba", "llvm"])
def test_a_fork_waits_for_a_lock_that_another_thread_holds(name):
    """And neither parent nor child has it afterwards."""
    gpuconv.relu(np.ones(8, np.float32))
    locks = {"allocator": memory._changing, "import": forks.importing, "threads": forks.starting}
    locks |= dict(zip(("numba", "llvm"), forks._compilers_locks(), strict=True))
    lock, taken, order = locks[name], threading.Event(), []

    def hold():
        with lock:
            taken.set()
            released.wait(0.2)
            order.append("released")

    released = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(60)
    status = _fork(lambda: gpuconv.relu(np.ones(1 << 18, np.float32)) if lock.acquire(blocking=False) else os._exit(3))
    assert (status, order) == (0, ["released"])
    thread.join()
    assert _held_by_another(lock) is False


def _held_by_another(lock):
    """Whether another thread could not take it."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(lock.acquire(blocking=False)) or (found[0] and lock.release())
    )
    thread.start()
    thread.join()
    return not found[0]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_thread_may_fork_while_it_holds_the_locks():
    """As a signal handler does."""
    with forks.importing, memory._changing:
        assert _fork(memory.forget) == 0
    assert not _held_by_another(memory._changing)


CHILD_OF_A_USER_OF_NUMBA = """
import os, numba, numpy as np
numba.get_num_threads()  # starts the threads
import gpuconv
gpuconv.relu(np.ones(8, np.float32))
pid = os.fork()
if pid == 0:
    os._exit(int(not (gpuconv.relu(np.ones(1 << 20, np.float32)) == 1).all()))
print(os.waitpid(pid, 0)[1])
"""


def test_threads_that_the_user_started_stay_behind_too():
    run = subprocess.run([sys.executable, "-c", CHILD_OF_A_USER_OF_NUMBA], capture_output=True, text=True, check=False)
    assert run.stdout == "0\n", run.stderr


def test_every_launch_has_a_lock_that_is_safe():
    """One without a driver, but with the lock that `__init__` makes."""
    assert "self.lock = driver.CUfunction(handle), forks.lock()" in inspect.getsource(Entry.__init__)


def test_a_child_forgets_what_its_parent_compiled():
    listener = Notice()
    listener._depth = 2
    listener.forked()
    assert listener._depth == 0
