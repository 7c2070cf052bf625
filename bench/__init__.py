"""Measurement: problems, peers in processes of their own, alternating timings, rooflines, as gpuconv.bench."""
