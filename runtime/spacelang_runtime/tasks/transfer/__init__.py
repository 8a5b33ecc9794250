"""The trainer of the tasks that have a network as their backbone: detection, segmentation, questions about images.

One trainer serves all; it knows a task's batches and losses alone (`tasks.task.Task`). Then holds: what a step does
is a function of (recipe, data, step, rank, world); a run that is cut and resumed repeats the uncut one.
"""
