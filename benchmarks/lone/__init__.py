"""Networks trained alone, for `benchmarks/alone.py`: what is planned, the units of work, their training, and how
far rankings agree with it.

`plan` draws the networks, `unit` lists what is to be done and who does it, `training` does it (it alone needs
torch), `agreement` is the statistics, `table` prints them.
"""
