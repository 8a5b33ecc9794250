"""Questions about images: the backbone's last map and words in one cross-modal transformer, after SOHO (Huang et
al., 2021) without its visual dictionary.

`questions` reads what is asked (VQA 2.0's JSON, `tables`), `tokenizer` turns texts into numbers, `pairs` makes
batches, `answerer` is the model, `accuracy` says how right an answer is.
"""
