"""Words of other systems for what has another name here, so that a newcomer is told ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spacelang.diagnostics import nearest

# Configuration files of timm, torchvision, AutoFormer, Swin, transformers and NNI.
_OURS: Mapping[str, tuple[str, ...]] = {
    "image": ("img_size", "image_size", "input_size", "resolution", "img", "size", "crop_size"),
    "patch": ("patch_size", "patches", "patch_dim"),
    "channels": ("in_chans", "in_channels", "num_channels", "input_channels", "chans"),
    "classes": ("num_classes", "nb_classes", "n_classes", "num_labels", "labels", "outputs"),
    "head_dim": ("head_width", "dim_head", "head_size", "dim_per_head", "qk_dim"),
    "position": ("pos_embed", "position_embedding", "pos_encoding", "rel_pos", "position_encoding", "positions"),
    "token": ("cls_token", "class_token"),
    "pool": ("global_pool", "pooling", "pooler", "gap"),
    "depth": ("depths", "num_layers", "n_layers", "num_blocks", "blocks", "num_hidden_layers", "depth_list"),
    "embed": ("embed_dim", "embed_dims", "dim", "dims", "width", "hidden_dim", "hidden_size", "d_model"),
    "heads": ("num_heads", "n_heads", "nhead", "attention_heads", "num_attention_heads"),
    "qkv": ("qkv_dim", "qkv_width", "attn_dim", "attention_dim", "qkv_size"),
    "mlp": ("mlp_ratio", "ffn_ratio", "mlp_ratios", "expansion", "expand_ratio", "ff_mult", "mlp_mult"),
    "window": ("window_size", "win_size", "window_sizes", "win"),
    "learning_rate": ("lr", "base_lr", "max_lr", "eta"),
    "min_learning_rate": ("min_lr", "eta_min", "final_lr"),
    "batch": ("batch_size", "bs", "global_batch", "minibatch"),
    "epochs": ("num_epochs", "n_epochs", "max_epochs", "epoch", "total_epochs"),
    "warmup": ("warmup_epochs", "warm_up", "warmup_steps"),
    "weight_decay": ("wd", "decay", "l2"),
    "clip": ("clip_grad", "grad_clip", "max_grad_norm", "gradient_clip"),
    "label_smoothing": ("smoothing", "label_smooth"),
    "drop_path": ("drop_path_rate", "stochastic_depth", "droppath"),
    "rand_augment": ("auto_augment", "randaug", "aa", "augment"),
    "erasing": ("reprob", "random_erasing", "random_erase"),
    "repeats": ("repeated_aug", "repeated_augment", "num_repeats"),
    "ema": ("model_ema", "ema_decay"),
    "holdout": ("val_split", "validation_split", "held_out"),
    "seed": ("random_seed", "manual_seed"),
    "population": ("population_size", "pop_size", "population_num"),
    "parents": ("select_num", "num_parents", "topk", "top_k"),
    "generations": ("num_generations", "n_generations", "max_generations", "iterations"),
    "crossover": ("crossover_num", "num_crossover", "n_crossover"),
    "mutation": ("mutation_num", "num_mutation", "n_mutations", "mutations"),
    "layer": ("m_prob", "layers", "block", "mutate_layer", "per_layer"),
    "flops": ("macs", "mac", "gflops", "gmacs", "flop", "madds", "mult_adds", "compute"),
    "params": ("parameters", "num_params", "param", "n_params", "model_size", "weights"),
}
_MEANT = {theirs: ours for ours, words in _OURS.items() for theirs in words}


def meant(word: str, known: Collection[str]) -> str | None:
    """The known word that another system's word, or a misspelling, stands for."""
    ours = _MEANT.get(word.lower())
    return ours if ours in known else nearest(word, known)


def advice(word: str, known: Collection[str]) -> str | None:
    """What to say of a word that is not known."""
    ours = meant(word, known)
    if ours is None:
        return None
    return f"it is called `{ours}` here" if _MEANT.get(word.lower()) == ours else f"did you mean `{ours}`?"


_KIND = "all networks of a space are vision transformers of one kind"
_ABSENT: Mapping[str, tuple[str, ...]] = {
    f"there are no convolutions in a layer: {_KIND}": (
        "kernel",
        "kernel_size",
        "kernels",
        "ks",
        "stride",
        "groups",
        "conv",
        "dilation",
    ),
    f"there is no choice between kinds of layers: {_KIND}": ("op", "ops", "operator", "operation", "block_type"),
    "a layer is there or not by the depth of its stage: none is left out of its middle": ("skip", "identity"),
    "queries, keys and values are equally wide: write `qkv`": (
        "q_dim",
        "k_dim",
        "v_dim",
        "qk",
        "v_ratio",
        "kv_heads",
    ),
}
_WHY = {word: why for why, words in _ABSENT.items() for word in words}


def absent(word: str) -> str | None:
    """Why another system's word has no counterpart here."""
    return _WHY.get(word.lower())
