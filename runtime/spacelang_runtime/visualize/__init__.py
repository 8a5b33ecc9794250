"""A look inside a network: what its attention heads attend to, and how alike they are.

In comes a `Network` and images; out come attention weights in the places of the image, similarities of heads,
and figures of both. Everything is computed in float32 by plain products.
"""
