"""What compiled spaces run on: data, supernet, training, search and export.

It knows spaces, architectures and what is lowered from them; it reads no `.space` text. Importing the package
itself is free: torch comes with the modules that compute.
"""
