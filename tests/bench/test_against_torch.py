"""The suites against PyTorch: every result agrees in both layouts, and the command runs on a tiny list."""

import contextlib
import importlib.util
import json

import pytest

from gpuconv.bench import cases, cases_elementwise, cases_pool, cases_train, problems, run, timing
from gpuconv.cli import main

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")

LAYOUTS = ["nchw", "channels_last"]
CONVOLUTIONS = [
    problems.ConvProblem(2, 4, 9, 8, 6, 3, 3, 1, 1),
    problems.ConvProblem(1, 8, 9, 8, 8, 3, 2, (2, 1), ((0, 1), (1, 2)), 8),
    problems.ConvProblem(2, 4, 9, 8, 6, 3, 3, 2, (2, 1), 2, (2, 1)),
]


@pytest.fixture(scope="module")
def workers():
    """gpuconv, and PyTorch in both layouts, one thread each."""
    with timing.workers(run.setups("torch", LAYOUTS, ["as-is"]), 1) as started:
        yield started


@pytest.fixture
def no_time(monkeypatch):
    """Results are compared and nothing is timed."""
    monkeypatch.setattr(run, "alternate", lambda workers, repeats: [(timing.Sample(1, 1, 1),) * 2] * len(workers))


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_convolutions_with_every_option_agree(workers, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    rows = run.measure(list(cases.conv_cases(CONVOLUTIONS, dtype)), workers, 1)
    assert len(rows) == 9
    assert all(0 <= row.error < (1e-5 if dtype == "float32" else 1e-2) for row in rows)


def smallest(suite):
    """The case of each operation on the fewest bytes, and those of shapes that the others do not have."""
    found = {}
    for case in suite():
        key = case.name, len(case.arguments["x_shape"])
        found[key] = min(found.get(key, case), case, key=lambda one: one.bytes)
    return list(found.values())


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("suite", [cases_pool.pool_cases, cases_elementwise.elementwise_cases])
def test_every_operation_agrees_in_both_layouts(workers, suite):
    chosen = smallest(suite)
    rows = run.measure(chosen, workers, 1)
    assert len(rows) == len(chosen) > 7
    assert all(row.error <= (1e-4 if row.case.bound is None else row.case.bound) for row in rows)


def test_the_command_times_a_file_of_problems(workers, tmp_path, capsys, monkeypatch):
    layer = {"N": 1, "C": 4, "H": 6, "W": 6, "K": 4, "R": 3, "S": 3, "stride": 1, "pad": 1}
    problem, record = tmp_path / "tiny.tsv", tmp_path / "tiny.json"
    problem.write_text("\t".join(layer) + "\n" + "\t".join(map(str, layer.values())) + "\n")
    options = ["--problems", problem, "--batch", 2, "--repeats", 1, "--malloc", "as-is", "--json", record]
    monkeypatch.setattr("sys.argv", list(map(str, ["gpuconv", "bench", "conv", "--against", "torch", *options])))
    monkeypatch.setattr(timing, "measure_limits", lambda *_: timing.Limits(100, 10))
    # processes that take seconds to start are started once
    monkeypatch.setattr(timing, "workers", lambda setups, *_: contextlib.nullcontext(workers if setups else []))
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("2x4x6x6 -> 4, 3x3+1", "channels_last, ms", "malloc as is", "the worst"))
    rows = json.loads(record.read_text())["rows"]
    assert [len(row["samples"]) for row in rows] == [3, 3, 3]


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_losses_of_two_steps_agree(workers, dtype, tmp_path):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    chosen = [
        case._replace(arguments={**case.arguments, "steps": 2})
        for case in cases_train.train_cases(tmp_path, dtype, batch=2)
    ]
    rows = run.measure(chosen, workers, 1)
    assert len(rows) == 6
    assert all(row.error < cases_train.LOSS_TOLERANCE[dtype] for row in rows)
