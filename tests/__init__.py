"""Tests of gpuconv; `tests.reference` is the oracle they compare with."""
