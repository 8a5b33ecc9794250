"""A run as one page that a browser shows without the web.

In: a run with its journal and TensorBoard files. Out: the text of an HTML file that carries all it needs.
"""

from spacelang_runtime.report.page import page

__all__ = ["page"]
