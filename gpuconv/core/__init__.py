"""What every operation stands on: arrays, devices, shapes, the call, graphs."""
