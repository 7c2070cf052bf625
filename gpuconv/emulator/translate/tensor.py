"""cp.async, ldmatrix, mma.sync: PTX ISA 9.7.9.25, 9.7.14."""
