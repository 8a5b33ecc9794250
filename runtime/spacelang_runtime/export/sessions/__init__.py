"""Models in files, loaded into the runtimes that they are made for: onnxruntime, OpenVINO, ExecuTorch and LiteRT.

In comes a file that `spacelang export` wrote, out comes a `Session`: images to logits. Each module imports its
runtime, and is imported when a file of its form is opened.
"""
