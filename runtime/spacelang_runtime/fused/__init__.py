"""A supernet's network forward and backward, written out by hand over `ops.kernels`.

What comes in: a supernet, images, an architecture. What goes out: its logits; and, when these are differentiated,
gradients that were added in place to the `.grad` of the supernet's parameters. The numbers are those of the modules
in `nn.supernet`, which stay the reference: here the residual stream and all products are in a low precision (bf16
on a GPU), sums and statistics in float32.
"""
