"""What every training stands on: the run on the disk, its record and checkpoints; the one trainer, with its
gradient, optimizer and schedule; the processes that train together; and how a trained network is scored.

What is trained, and on which data, is said by `tasks`; nothing here knows them.
"""
