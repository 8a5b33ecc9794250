"""Measuring a space on its trained supernet, and what the supernet of the next space takes over from it.

The arithmetic (draws, E-T errors, slopes, moves) is `spacelang.refinement`; here are the images, the weights, the
journal and the disk.
"""
