"""The tasks that have a network as their backbone, for the one trainer: detection, segmentation, questions about
images.

What a task is to it is its batches and losses alone (`tasks.task.Task`). Then holds: what a step does is a function
of (recipe, data, step, rank, world); a run that is cut and resumed repeats the uncut one.
"""
