"""Cascade Mask R-CNN (Cai and Vasconcelos, 2018; He et al., 2017) on data in COCO's form.

`coco` reads the annotations, `views` makes batches of photos, `detector` is the model (pyramid, proposals,
`cascade`, masks), `average_precision` measures it.
"""
