"""A network as converters take it: the same function of images of one size, in operators that all of them know.

In comes a `Network` and the side of its images, out comes a module for `torch.export` alone; training, search and
what is counted run `Network` itself. What differs: no unfold, no roll and no scaled addition; tensors of at most
five dimensions, padding of at most four; queries scaled in their weights; and nothing of as many entries as a
window has pairs of tokens is a constant, nor becomes one when a runtime folds what does not depend on its input.
"""
