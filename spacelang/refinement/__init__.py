"""Searching the search space (Chen et al., 2021, §2.3): how good a space is, where its options should go, and the
text of the next space.

Comes in: a space, and the errors of networks drawn from it. Goes out: its E-T error, the slope of every dimension
of every stage, the moves that follow, and the next `.space` text. Nothing here trains or scores: networks come as
architectures, and errors as numbers.
"""
