"""UperNet (Xiao et al., 2018) on folders of images and masks.

`layout` finds the pairs, `transforms` makes batches of crops, `segmenter` is the model (a backbone under
transformers' heads), `iou` measures it.
"""
