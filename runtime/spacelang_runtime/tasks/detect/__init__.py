"""Cascade Mask R-CNN (Cai and Vasconcelos, 2018; He et al., 2017) on data in COCO's form.

`coco` reads the annotations, `transforms` makes batches of photos with what is on them (`crop`: its masks).
`detector` is the model: `fpn`, `proposals`, `roi_align` (what the maps have at boxes), `cascade`, `masks`;
`assign`, `box_coder` and `nms` are what they say of boxes. `average_precision` measures it. All photos of a batch
are taken at once, and a training step never waits for the GPU: every shape follows from the batch's, and where a
box is missing there is an empty one.
"""
