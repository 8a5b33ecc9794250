"""Triton kernels, each beside its plain reference.

`NAME.py` says what is computed and in which sizes; it starts the kernel in `NAME_triton.py` where one can run, and
computes the same by torch where none can.
"""
