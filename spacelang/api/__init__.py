"""The front door: what `import spacelang as sl` offers, one noun or verb a file.

Comes in: texts, files, architectures, a function that scores. Goes out: frozen values that a notebook shows and a
program reads. Nothing here prints, ends the process or reads its command line. Torch, and the parts of the runtime
that need it, are loaded by the calls that train or run a network.
"""
