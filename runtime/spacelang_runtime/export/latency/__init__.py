"""How long networks take in the runtime that they will be deployed in: a table of blocks, corrected by whole
networks.

In comes a space and a `RuntimeTarget`, out comes what `search.latency` gives of torch: the time of each block by
its key in a cost table. A block is timed alone, in its runtime, as it is exported; what a runtime makes of
neighbours together is measured on whole networks, and a fitted line of three numbers takes it to the table
(`correction`).
"""
