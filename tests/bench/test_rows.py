"""What rows say of the peer at its best, and how they are shown and written."""

import io
import json

import pytest
from rich.console import Console

from gpuconv.bench import report, rows, run, worker
from gpuconv.bench.cases import Case
from gpuconv.bench.timing import TUNED_MALLOC, Limits, Sample, Setup, Worker

LIMITS = Limits(100, 10)
MILLISECONDS = {
    Setup("gpuconv"): 2.0,
    Setup("gpuconv", malloc="tuned"): 1.0,
    Setup("torch"): 6.0,
    Setup("torch", "channels_last"): 5.0,
    Setup("torch", malloc="tuned"): 0.9,
    Setup("torch", "channels_last", "tuned"): 0.85,
}


def row(milliseconds=MILLISECONDS, **changed):
    case = Case("conv forward", "one layer", "conv_forward", {}, 10**6, 10**5, 9)._replace(**changed)
    samples = {setup: Sample(ms / 1e3, ms / 2e3, ms / 5e2) for setup, ms in milliseconds.items()}
    return rows.Row(case, samples, samples, 1e-7)


def test_setups_are_ours_with_each_malloc_then_the_peers():
    assert set(run.setups("torch", ["nchw", "channels_last"], ["as-is", "tuned"])) == set(MILLISECONDS)
    assert run.setups("torch", ["channels_last"], ["tuned"])[0] == Setup("gpuconv", malloc="tuned")
    assert run.setups(None, ["nchw", "channels_last"], ["as-is"]) == [Setup("gpuconv")]


def test_the_ratio_is_to_the_quicker_layout_with_tuned_malloc():
    one = row()
    assert one.ours.median == 1e-3
    assert one.best_layout() == "channels_last"
    assert one.ratio == pytest.approx(0.85)
    assert one.ratio_to("nchw") == pytest.approx(0.9)
    assert one.ratio_to(malloc="as-is") == pytest.approx(2.5)
    assert one.ratio_to("none") is None


def test_a_run_without_a_setting_has_the_ratios_of_the_others():
    as_is = row({setup: ms for setup, ms in MILLISECONDS.items() if setup.malloc == "as-is"})
    assert as_is.mallocs() == ("as-is",)
    assert as_is.ratio == pytest.approx(2.5)
    alone = row({Setup("gpuconv"): 2.0})
    assert (alone.peer, alone.ratio, alone.best_layout()) == (None, None, None)


def test_the_title_counts_the_rows_under_each_bound():
    quick = row({**MILLISECONDS, Setup("gpuconv", malloc="tuned"): 0.5}, problem="another")
    assert rows.under([row(), quick]) == {1.0: 1, 0.95: 1, 0.9: 1, 0.8: 0}
    title = report.title([row(), quick], "torch")
    assert "geometric mean 1.20 (malloc as is 2.50, against NCHW 1.27, against channels_last 1.20)" in title
    assert "2 rows: 1 under 1.0, 1 under 0.95, 1 under 0.9, 0 under 0.8; the worst 0.85, conv forward of one" in title
    assert report.title([row({Setup("gpuconv"): 2.0})], None) is None


def test_the_table_has_a_column_for_each_layout_and_a_ratio_for_each_malloc():
    output = io.StringIO()
    only_nchw = {setup: ms for setup, ms in MILLISECONDS.items() if setup.layout == "nchw"}
    Console(file=output, width=200).print(report.table([row(), row(only_nchw)], LIMITS, "torch"))
    lines = output.getvalue().splitlines()
    assert all(name in "".join(lines) for name in ("NCHW, ms", "channels_last, ms", "ratio", "malloc as is"))
    assert ["0.900", "0.850", "0.85", "2.50"] == _cells(lines)[0][-4:]
    assert ["0.900", "", "0.90", "3.00"] == _cells(lines)[1][-4:]


def _cells(lines):
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]


def test_the_file_has_every_process_and_a_row_a_line(tmp_path):
    path = tmp_path / "bench.json"
    report.write_json(path, [row(), row()], LIMITS, "torch", 2)
    record = json.loads(path.read_text())
    assert record["malloc"] == "tuned"
    assert record["geometric_mean_ratio_by_malloc"] == {"tuned": 0.85, "as-is": 2.5}
    assert record["rows_under"]["0.9"] == 2
    assert record["worst_ratio"] == 0.85
    first = record["rows"][0]
    assert (first["ratio"], first["peer_layout"]) == (0.85, "channels_last")
    assert first["samples"]["torch channels_last tuned"] == [0.85e-3, 0.425e-3, 1.7e-3]
    assert len(first["samples"]) == len(MILLISECONDS)
    assert sum("conv forward" in line for line in path.read_text().splitlines()) == 2


def test_one_layout_is_timed_where_arrays_have_no_channels_to_move():
    class Silent:
        def __init__(self, setup):
            self.setup, self.prepared, self.seconds = setup, 0, 1.0

        def prepare(self, operation, arguments):
            self.prepared += 1
            return 1.0

        def time(self, calls):
            return 1.0, 1.0

    for layouts, expected in ((True, 6), (False, 4)):
        workers = [Silent(setup) for setup in MILLISECONDS]
        [one] = run.measure([row(layouts=layouts, bound=1.0).case], workers, 1)
        assert len(one.samples) == expected
        assert sum(worker.prepared for worker in workers) == expected


def test_a_tuned_worker_has_mallocs_settings_in_its_environment(tmp_path, monkeypatch):
    started = []

    class Process:
        def __init__(self, command, env, **_):
            started.append((command, env))
            self.stdout = io.StringIO('{"version": "1"}\n')

    monkeypatch.setattr("gpuconv.bench.timing.subprocess.Popen", Process)
    for setup in (Setup("torch"), Setup("torch", "channels_last", "tuned")):
        Worker(setup, 3, tmp_path)
    (plain, as_it_is), (last, tuned) = started
    assert (plain[-4:], last[-4:]) == (["torch", "3", "cpu", "nchw"], ["torch", "3", "cpu", "channels_last"])
    assert TUNED_MALLOC.items() <= tuned.items()
    assert not TUNED_MALLOC.keys() & as_it_is.keys()


def test_a_long_call_is_not_warmed_up():
    calls = []

    class Clock:
        def time(self, run, count):
            return len(calls), 0.0

    for seconds, least in ((1.0, 0), (1e-3, 2)):
        calls.clear()
        worker.timed(lambda: calls.append(0), 1, Clock(), seconds)
        assert (len(calls) >= least) and (bool(calls) == bool(least))
