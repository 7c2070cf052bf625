"""Operations that the worker processes time: a file for each topic, gpuconv's and the peer's side by side."""
