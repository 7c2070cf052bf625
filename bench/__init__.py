"""Benchmarks: problem lists, peers in separate processes, alternating timing, rooflines; installed as gpuconv.bench."""
