"""The bench's own side: what it times is the real thing."""

import contextlib
import io
import json
import subprocess
import types
from typing import ClassVar
from unittest import mock

import numpy as np
import pytest
from rich.console import Console

from gpuconv.bench import choices, problems, report, run, timing, worker_data, worker_gpuconv
from gpuconv.bench.timing import Limits, Sample
from gpuconv.cli import bench, main
from gpuconv.core.device import missing_for_cuda, use_device
from gpuconv.kernels.cuda import launch


@pytest.mark.parametrize("network", ["LeNet-5", "ResNet-8"])
def test_training_starts_from_the_weights_it_is_given(network, tmp_path):
    (case,) = (case for case in run.train_cases(tmp_path) if network in case.name)
    with use_device("cpu"):  # a worker chooses for its process
        losses = [worker_gpuconv.GpuconvOperations(1).train(**{**case.arguments, "steps": 3})() for _ in range(2)]
    assert losses[0] == losses[1]
    assert abs(losses[0][0] - np.log(10)) < 0.5
    assert losses[0][2] < losses[0][0]
    assert case.flops > 0


class _Events:
    """Stands for a GPU that takes 2 ms for each call that is queued; its events tell its own time."""

    def __init__(self):
        self.queued, self.recorded, self.waited = 0.0, [], 0

    def call(self):
        self.queued += 2.0

    def event(self):
        events = self

        class Event:
            def record(self):
                events.recorded.append(self)
                self.at = events.queued

            def synchronize(self):
                events.waited += 1

        return Event()


def test_a_gpus_clock_tells_the_time_of_the_device_and_of_the_host_apart():
    gpu = _Events()
    clock = worker_data.EventClock(gpu.event, lambda first, last: last.at - first.at)
    device, host = clock.time(gpu.call, 5)
    assert device == pytest.approx(2e-3)
    assert 0 < host < 2e-3  # five calls of an empty function
    assert gpu.waited == 1
    assert len(gpu.recorded) == 2


def test_what_can_be_recorded_is_played_and_timed_without_the_host():
    gpu, made = _Events(), []

    def graph(run, calls):
        made.append(calls)
        return None if run is unrecorded else gpu.call  # all the calls at once, in 2 ms

    def unrecorded():
        gpu.call()

    clock = worker_data.EventClock(gpu.event, lambda first, last: last.at - first.at, graph)
    assert [clock.time(gpu.call, 5)[0] for _ in range(2)] == pytest.approx([4e-4] * 2)
    assert made == [5]
    assert clock.time(unrecorded, 5)[0] == pytest.approx(2e-3)


def test_a_result_that_is_not_the_peers_has_to_be_the_referees():
    [case] = (c for c in run.conv_cases([problems.ConvProblem(1, 4, 8, 8, 4, 3, 3)]) if c.name == "conv forward")
    with use_device("cpu"):  # a worker chooses for its process
        exact = worker_gpuconv.GpuconvOperations(1).conv_forward(**{**case.arguments, "dtype": "float64"})()
    asked = []

    class Referee:
        def prepare(self, operation, arguments):
            asked.append((operation, arguments["dtype"]))
            return exact

    assert run._compare(case, exact.astype(np.float32), exact, Referee()) < 1e-6
    assert asked == []
    assert run._compare(case, exact.astype(np.float32), exact * 1.01, Referee()) < 1e-6
    assert asked == [("conv_forward", "float64")]
    with pytest.raises(AssertionError, match="conv forward of 1x4x8x8 -> 4, 3x3: results differ by"):
        run._compare(case, exact * 1.01, exact, Referee())
    with pytest.raises(AssertionError, match="results differ by"):
        run._compare(case, exact * 1.01, exact)


def test_each_algorithm_of_a_problem_is_a_case():
    problem = problems.ConvProblem(1, 4, 8, 8, 4, 3, 3, 1, 1)
    with use_device("cpu"):
        names = [case.name for case in run.conv_cases([problem], algorithm="each")]
        assert names[:2] == ["conv forward", "conv forward, direct"]
        assert {"conv forward, winograd", "conv input_grad, col2im", "conv weight_grad, winograd"} <= set(names)
        assert len(list(run.conv_cases([problem], algorithm="winograd"))) == 3
        with pytest.raises(ValueError, match="algorithm is 'tf32', which serves none of these problems"):
            list(run.conv_cases([problem], algorithm="tf32"))


def test_every_plan_of_a_tile_is_timed(emulated):
    ran = []

    class Clock:
        made: ClassVar = {}

        def time(self, run, calls):
            with mock.patch.object(launch, "run", lambda kernel, *rest: ran.append(kernel.py_func.__name__)):
                run()
            return 1e-6 * len(ran), 0.0

    operations = worker_gpuconv.GpuconvOperations(1, "emulator")
    operations.clock = Clock()
    problem = problems.ConvProblem(2, 8, 8, 8, 64, 3, 3, 1, 1)
    found = [choices.choices_of(operations, operation, problem) for operation in choices.OPERATIONS]
    assert {
        "conv2d_fprop_implicit_gemm_128x128",
        "conv2d_fprop_implicit_gemm_64x64",
        "conv2d_wgrad_implicit_gemm_128x64_ragged",
    } <= set(ran)
    assert [sum(choice.chosen for choice in plans) for plans in found] == [1, 1, 1]
    assert len(found[0]) == 4
    assert choices.table(found).row_count == 3


def test_the_hosts_time_is_shown_where_it_is_another_one():
    case = next(iter(run.pool_cases()))
    one, two, three = (Sample(seconds, seconds, seconds) for seconds in (1e-3, 2e-3, 5e-4))
    for hosts, expected in (((one, two), False), ((three, three), True)):
        output = io.StringIO()
        rows = [run.Row(case, one, two, hosts, 0.0)]
        Console(file=output, width=200).print(report.table(rows, Limits(100, 10), "torch"))
        assert ("host" in output.getvalue()) == expected


@pytest.mark.parametrize(("against", "version"), [("torch", "2.9.1+cu130"), (None, None)])
def test_what_a_run_leaves_names_the_commit_the_repeats_and_the_peers_version(against, version, tmp_path, monkeypatch):
    case, one = next(iter(run.pool_cases())), Sample(1e-3, 1e-3, 2e-3)

    @contextlib.contextmanager
    def workers(libraries, *_):  # each process says what it runs
        yield [types.SimpleNamespace(version={"gpuconv": "0.1.0", "torch": version}[name]) for name in libraries]

    def measure(cases, several, repeats, *_):
        return [run.Row(case, one, one if len(several) > 1 else None, (one,) * len(several), None)]

    monkeypatch.setattr(timing, "workers", workers)
    monkeypatch.setattr(timing, "measure_limits", lambda *_: Limits(100, 10))
    monkeypatch.setattr(run, "measure", measure)
    monkeypatch.setattr(report, "commit", lambda: "0123abc")
    left = tmp_path / "pool.json"
    bench.execute(bench.Settings("pool", "cpu", against, "standard", "float32", "auto", 1, 7, None, left, None))
    record = json.loads(left.read_text())
    asked = {"peer": against, "peer_version": version, "commit": "0123abc", "repeats": 7}
    assert {name: record[name] for name in asked} == asked


def test_outside_a_repository_there_is_no_commit(monkeypatch):
    def no_repository(*_, **__):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(report.subprocess, "run", no_repository)
    assert report.commit() is None


def test_the_commit_of_another_repository_is_not_gpuconvs(tmp_path, monkeypatch):
    """Such as that of a project with gpuconv in its virtual environment."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    installed = tmp_path / "site-packages" / "gpuconv" / "bench"
    (installed.parent / "kernels").mkdir(parents=True)
    installed.mkdir()
    monkeypatch.setattr(report, "__file__", str(installed / "report.py"))
    assert report.commit() is None


@pytest.mark.skipif(not missing_for_cuda(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_before_anything_is_timed(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["gpuconv", "bench", "pool", "--device", "cuda"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    assert "device 'cuda' was asked for, but" in capsys.readouterr().err
