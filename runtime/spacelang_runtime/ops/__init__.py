"""The arithmetic of vision transformers on tensors, without weights of its own: how a map is cut into windows,
where tokens are, attention, patch merging. `kernels` has fast ways to the same numbers.
"""
