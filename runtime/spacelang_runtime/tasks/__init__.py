"""What is trained, and on what: each task says what differs, and stands on `engine`.

`supernet` trains all networks of a space together; `finetune` one of them on its own. `detect`, `segment` and `vqa`
take a network as their backbone: each is one value, a `Task`, which says how its data is read, how its model is
made, how it is measured and drawn. `transfer` trains these three. In: a network (`nn.saved.load`), a folder of
data, a recipe (`spaces/transfer/*.toml`). Out: a run, `runs/NAME/`, and in it `model/`, a folder that answers by
itself.

The heads come from torchvision (detection) and transformers (UperNet, BERT), extra `[transfer]`; the cascade's
three stages are ours.
"""
