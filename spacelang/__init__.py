"""The compiler of the `.space` language and its command line. Nothing here imports torch."""

__version__ = "0.1.0"
