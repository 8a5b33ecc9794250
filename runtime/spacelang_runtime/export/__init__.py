"""A network in the forms of other frameworks: timm's, transformers', ONNX and torch.export.

In comes a `Network` or the folder of one; out comes the same function of images, with the same weights, in the
shape that the framework expects. Each module imports its framework, and is imported when it is asked for.
"""
