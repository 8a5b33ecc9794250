"""From a found backbone to detection, segmentation and visual question answering.

In: a network (`saved.load`), a folder of data, a recipe (`spaces/transfer/*.toml`). Out: a run, `runs/NAME/`, and
in it `model/`, a folder that answers by itself. Each of the three tasks is one value, a `Task`: how its data is
read, how its model is made, how it is measured and drawn. One trainer serves all; it knows a task's batches and
losses alone. Then holds: what a step does is a function of (recipe, data, step, rank, world); a run that is cut
and resumed repeats the uncut one.

The tasks' heads come from torchvision (detection) and transformers (UperNet, BERT), extra `[transfer]`; the
cascade's three stages are ours.
"""
