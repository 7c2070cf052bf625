"""Compiling ahead, and the notice that compiling takes long."""

import logging
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

import gpuconv
from gpuconv.core.compile_notice import MESSAGE, Notice


def fake_event(module="gpuconv.kernels.conv.cpu.direct"):
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=SimpleNamespace(__module__=module))})


PATIENCE = 0.05


def compile_for(listener, seconds, event=None):
    event = event or fake_event()
    listener.on_start(event)
    listener.on_start(event)  # what it calls is compiled within
    time.sleep(seconds)
    listener.on_end(event)
    listener.on_end(event)


def test_long_compilations_are_announced_once():
    told = []
    listener = Notice(told.append, PATIENCE)
    compile_for(listener, 0.3)
    compile_for(listener, 0.3)
    assert told == [MESSAGE]


def test_many_short_compilations_count_together():
    told = []
    listener = Notice(told.append, PATIENCE)
    for _ in range(12):
        compile_for(listener, 0.02)
    assert told == [MESSAGE]


def test_short_ones_and_those_of_others_are_not_announced():
    told = []
    listener = Notice(told.append, PATIENCE)
    compile_for(listener, 0.001)
    compile_for(listener, 0.3, fake_event("somebody.else"))
    with listener.silenced():
        compile_for(listener, 0.3)
    assert told == []


def test_warmup_leaves_nothing_to_compile():
    """A process of its own warms up; then no convolution or pooling adds a specialisation of any CPU kernel."""
    code = """if True:
        import inspect, sys, numpy as np, gpuconv
        from numba.core.dispatcher import Dispatcher
        seconds = gpuconv.warmup("cpu", progress=False)
        assert seconds > 0
        from gpuconv.conv.shape import conv_shape
        from gpuconv.kernels.conv.cpu.select import PLANS
        shapes = [conv_shape("test", (1, 2, 8, 8), (3, 2, r, r)) for r in (1, 3)]
        kernels = {
            make_plan(shapes[name != "pointwise"], np.dtype(np.float32)).kernel
            for plans in PLANS.values() for name, make_plan in plans.items()
            if name not in ("depthwise", "implicit_gemm", "fft")  # made for taps, or several kernels
        }
        launched = [len(kernel.signatures) for kernel in kernels]
        assert launched == [1] * 8, launched

        def specialisations():
            found = {}
            for name in [name for name in sys.modules if name.startswith("gpuconv.kernels.")]:
                for value in vars(sys.modules[name]).values():
                    # parallel.streaming's launchers hold theirs
                    kept = (value.__closure__ or ()) if inspect.isfunction(value) else ()
                    for kernel in (value, *(cell.cell_contents for cell in kept)):
                        if isinstance(kernel, Dispatcher):
                            found[kernel] = list(kernel.signatures)
            return found

        before = specialisations()
        assert sum(map(len, before.values())) > 50
        for shape, w_shape, options in (
            ((8, 16, 20, 20), (16, 16, 3, 3), {"padding": 1}), ((2, 16, 20, 20), (16, 16, 3, 3), {"stride": 2}),
            ((9, 1, 28, 28), (6, 1, 5, 5), {}), ((2, 64, 7, 7), (64, 64, 1, 1), {}),
            ((2, 9, 30, 30), (24, 9, 1, 1), {}), ((2, 100, 5, 5), (130, 100, 1, 1), {}),
            ((1, 2, 40, 40), (2, 2, 9, 9), {"algorithm": "fft"}), ((2, 9, 20, 20), (30, 9, 2, 2), {"stride": 2}),
            *(
                ((2, c, 12, 12), (c, c, taps, taps), {"stride": stride, "algorithm": "winograd"})
                for c in (8, 64) for taps, stride in ((3, 1), (5, 1), (5, 2), (9, 2))
            ),
        ):
            x, w = np.zeros(shape, np.float32), np.zeros(w_shape, np.float32)
            y = gpuconv.conv2d(x, w, np.zeros(w_shape[0], np.float32), activation="relu", **options)
            gpuconv.conv2d_input_grad(y, w, shape, activation="relu", pre_activation=x, **options)
            gpuconv.conv2d_weight_grad(x, y, w_shape, **options)
        for kernel, options in (
            (2, {}), (2, {"stride": 1}), (3, {"stride": 2, "padding": 1}), (3, {"stride": 1, "padding": 1}), (3, {}),
            (5, {"stride": 2, "padding": 2}), (7, {"stride": 3}),
        ):
            x = np.zeros((2, 3, 20, 21), np.float32)
            y, mask = gpuconv.max_pool2d(x, kernel, **options)
            gpuconv.max_pool2d_input_grad(y, mask, x.shape, kernel, **options)
            gpuconv.avg_pool2d_input_grad(gpuconv.avg_pool2d(x, kernel, **options), x.shape, kernel, **options)
        added = [kernel for kernel, found in specialisations().items() if found != before.get(kernel, [])]
        assert not added, [(kernel.py_func.__module__, kernel.py_func.__name__) for kernel in added]
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def test_warmup_refuses_types_it_has_no_kernels_for():
    with pytest.raises(ValueError, match="warmup: dtypes is 'int32', expected one of 'float32', 'float64'"):
        gpuconv.warmup(dtypes=["int32"])


def test_the_notice_is_a_warning_of_the_library(caplog):
    from gpuconv.core.compile_notice import compile_notice

    gpuconv.relu(np.ones(3, np.float32))
    with caplog.at_level(logging.WARNING, logger="gpuconv"):
        compile_notice.tell(MESSAGE)
    assert "compiling its kernels" in caplog.text
