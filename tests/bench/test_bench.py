"""The benchmark: cases and their results, clocks, tables and records."""

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

from gpuconv.bench import cases, cases_pool, choices, problems, report, rows, run, timing
from gpuconv.bench.timing import Limits, Sample, Setup
from gpuconv.bench.workers.gpuconv_library import GpuconvOperations
from gpuconv.bench.workers.shared import EventClock
from gpuconv.cli import bench, main
from gpuconv.core.device import missing_for_cuda, use_device
from gpuconv.kernels.cuda import launch


class _Events:
    """A fake GPU that takes 2 ms per queued call, with events on its simulated time."""

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


def test_event_clock_measures_device_and_host_time_separately():
    gpu = _Events()
    clock = EventClock(gpu.event, lambda first, last: last.at - first.at)
    device, host = clock.time(gpu.call, 5)
    assert device == pytest.approx(2e-3)
    assert 0 < host < 2e-3  # five calls of an empty function
    assert gpu.waited == 1
    assert len(gpu.recorded) == 2


def test_event_clock_times_a_graph_if_the_function_can_be_captured():
    gpu, captured = _Events(), []

    def graph(run, calls):
        captured.append(calls)
        return None if run is uncapturable else gpu.call  # all calls in one replay of 2 ms

    def uncapturable():
        gpu.call()

    clock = EventClock(gpu.event, lambda first, last: last.at - first.at, graph)
    assert [clock.time(gpu.call, 5)[0] for _ in range(2)] == pytest.approx([4e-4] * 2)
    assert captured == [5]
    assert clock.time(uncapturable, 5)[0] == pytest.approx(2e-3)


@pytest.mark.usefixtures("threads")
def test_a_result_that_differs_from_the_peers_must_match_the_referees():
    [case] = (c for c in cases.conv_cases([problems.ConvProblem(1, 4, 8, 8, 4, 3, 3)]) if c.name == "conv forward")
    with use_device("cpu"):  # a worker selects the device of its process
        exact = GpuconvOperations(1).conv_forward(**{**case.arguments, "dtype": "float64"})()
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
        names = [case.name for case in cases.conv_cases([problem], algorithm="each")]
        assert names[:2] == ["conv forward", "conv forward, direct"]
        assert {"conv forward, winograd", "conv input_grad, col2im", "conv weight_grad, winograd"} <= set(names)
        assert len(list(cases.conv_cases([problem], algorithm="winograd"))) == 3
        with pytest.raises(ValueError, match="algorithm is 'tf32', which supports none of these problems"):
            list(cases.conv_cases([problem], algorithm="tf32"))


@pytest.mark.usefixtures("threads")
def test_every_plan_of_a_gemm_tile_is_timed(emulated):
    ran = []

    class Clock:
        made: ClassVar = {}

        def time(self, run, calls):
            with mock.patch.object(launch, "run", lambda kernel, *rest: ran.append(kernel.py_func.__name__)):
                run()
            return 1e-6 * len(ran), 0.0

    operations = GpuconvOperations(1, "emulator")
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


OURS, TORCH = Setup("gpuconv"), Setup("torch")


def test_the_table_shows_host_times_if_they_differ_from_device_times():
    case = next(iter(cases_pool.pool_cases()))
    one, two, three = (Sample(seconds, seconds, seconds) for seconds in (1e-3, 2e-3, 5e-4))
    for hosts, expected in (((one, two), False), ((three, three), True)):
        output = io.StringIO()
        measured = [rows.Row(case, {OURS: one, TORCH: two}, {OURS: hosts[0], TORCH: hosts[1]}, 0.0)]
        Console(file=output, width=200).print(report.table(measured, Limits(100, 10), "torch"))
        assert ("host" in output.getvalue()) == expected


@pytest.mark.parametrize(("against", "version"), [("torch", "2.9.1+cu130"), (None, None)])
def test_the_json_record_names_commit_repeats_and_peer_version(against, version, tmp_path, monkeypatch):
    case, one = next(iter(cases_pool.pool_cases())), Sample(1e-3, 1e-3, 2e-3)

    @contextlib.contextmanager
    def workers(setups, *_):  # each process reports its library's version
        versions = {"gpuconv": "0.1.0", "torch": version}
        yield [types.SimpleNamespace(setup=setup, version=versions[setup.library]) for setup in setups]

    def measure(cases, several, repeats, *_):
        samples = {worker.setup: one for worker in several}
        return [rows.Row(case, samples, samples, None)]

    monkeypatch.setattr(timing, "workers", workers)
    monkeypatch.setattr(timing, "measure_limits", lambda *_: Limits(100, 10))
    monkeypatch.setattr(run, "measure", measure)
    monkeypatch.setattr(report, "commit", lambda: "0123abc")
    path = tmp_path / "pool.json"
    what = "pool", "cpu", against, "standard", None, None, "float32", "auto"
    bench.execute(bench.Settings(*what, 1, 7, "both", "both", None, path, None))
    record = json.loads(path.read_text())
    asked = {"peer": against, "peer_version": version, "commit": "0123abc", "repeats": 7}
    assert {name: record[name] for name in asked} == asked


def test_commit_is_none_outside_a_repository(tmp_path):
    assert report.commit(tmp_path) is None


def test_commit_is_none_inside_another_repository(tmp_path):
    """Such as a project with gpuconv in its virtual environment."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    installed = tmp_path / "site-packages" / "gpuconv" / "bench"
    (installed.parent / "kernels").mkdir(parents=True)
    installed.mkdir()
    assert report.commit(installed) is None


@pytest.mark.skipif(not missing_for_cuda(), reason="needs a machine without a GPU")
def test_a_missing_gpu_is_reported_before_anything_is_timed(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["gpuconv", "bench", "pool", "--device", "cuda"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    assert "device 'cuda' was asked for, but" in capsys.readouterr().err
