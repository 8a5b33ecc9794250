"""The cross-modal transformer: words, with the places of the backbone's last map or without, read by a BERT (Devlin
et al., 2019)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from spacelang_runtime.data.normalise import normalise
from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.backbone import Backbone
from spacelang_runtime.tasks.recipe import Vqa
from spacelang_runtime.tasks.vqa.pairs import QuestionBatch
from spacelang_runtime.tasks.vqa.visual_tokens import VisualTokens

LOSSES = ("answer", "matching")


class Answerer(nn.Module):
    """The model: in training the losses of a batch; `answers` for questions.

    A text's tokens come first, as BERT reads them; unless it only glances, the map's places follow as tokens of
    BERT's second kind. The answer is told from what BERT makes of [CLS], or of the text's tokens on average.

    By a glance, the mean of the map adds to every answer about its image, whatever is asked. This linear map begins
    at zero. Gradient descent finds first what many images have in common, and last what tells one image from all
    others, by which few images are learned by heart.
    """

    def __init__(self, backbone: Backbone, recipe: Vqa, answers: int, bert: BertModel, pad: int) -> None:
        super().__init__()
        self.backbone = backbone
        # Nothing reads the maps before the last.
        backbone.norms = nn.ModuleList([*(nn.Identity() for _ in backbone.channels[:-1]), backbone.norms[-1]])
        self.recipe, self.pad = recipe, pad
        width = bert.config.hidden_size
        self.bert = bert
        if recipe.told == "words":
            bert.pooler = None
        seen, sight = backbone.channels[-1], recipe.sight
        self.places = VisualTokens(seen, width) if sight != "glance" else None
        self.glance = nn.Linear(seen, answers, bias=False) if sight != "tokens" else None
        self.answer = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.LayerNorm(2 * width), nn.Linear(2 * width, answers)
        )
        self.match = nn.Linear(width, 1)
        for layer in (self.match, self.answer[0], self.answer[3]):
            nn.init.normal_(layer.weight, std=0.02)
        if self.glance is not None:
            nn.init.zeros_(self.glance.weight)

    def forward(self, batch: QuestionBatch) -> dict[str, Tensor]:
        """The losses of a batch, by the names in `LOSSES`."""
        told, fits = self.scores(normalise(batch.images), batch.words, batch.owner)
        matching = F.binary_cross_entropy_with_logits(fits, batch.matched.float())
        return {
            "answer": answer_loss(told[batch.matched], batch.answers[batch.matched], self.recipe.loss),
            "matching": self.recipe.matching * matching,
        }

    @torch.inference_mode()
    def answers(self, images: Tensor, words: Tensor, owner: Tensor) -> Tensor:
        """The score of each answer to each text, [texts, answers], float32; see `QuestionBatch`."""
        return self.scores(normalise(images), words, owner)[0]

    def scores(self, images: Tensor, words: Tensor, owner: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, float32: of each answer to each text, [texts, answers]; of a text's being about its image,
        [texts]. images: normalised."""
        seen = self.backbone(images)[-1]
        x = self.read(seen, words, owner)
        told = self.answer(x).float()
        if self.glance is not None:
            told = told + self.glance(seen.mean((2, 3))).float()[owner]
        return told, self.match(x)[:, 0].float()

    def read(self, seen: Tensor, words: Tensor, owner: Tensor) -> Tensor:
        """What the transformer makes of texts, beside the maps of their images if it sees them: [texts, width]."""
        texts, length = words.shape
        tokens, there = self.bert.get_input_embeddings()(words), words != self.pad
        if self.places is not None:
            vision = self.places(seen)[owner]
            tokens = torch.cat([tokens.to(vision.dtype), vision], 1)
            there = torch.cat([there, there.new_ones(vision.shape[:2])], 1)
        kinds = torch.zeros(tokens.shape[:2], dtype=torch.int64, device=words.device)
        kinds[:, length:] = 1
        # Places of the map have no order of reading: they share the position after the text.
        order = torch.arange(tokens.shape[1], device=words.device).clamp(max=length).expand(texts, -1)
        read = self.bert(
            inputs_embeds=tokens, attention_mask=there.long(), token_type_ids=kinds, position_ids=order
        )
        if self.recipe.told == "class":
            return read.pooler_output
        own = (words != self.pad)[..., None]
        return (read.last_hidden_state[:, :length] * own).sum(1) / own.sum(1)


def answer_loss(logits: Tensor, wanted: Tensor, kind: str) -> Tensor:
    """The loss of answers, mean over texts. logits, wanted: [texts, answers], wanted from 0 to 1.

    binary: cross-entropy of each answer by itself, summed. softmax: cross-entropy against the wanted ones as
    shares; texts none of whose answers is a class do not count.
    """
    if kind == "binary":
        return F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / max(1, len(logits))
    total = wanted.sum(1)
    losses = -(wanted * logits.log_softmax(1)).sum(1) / total.clamp(min=1e-6)
    return losses.sum() / (total > 0).sum().clamp(min=1)


def small_bert(recipe: Vqa, vocabulary: int) -> dict[str, Any]:
    """The configuration of a transformer as the recipe has it, for a vocabulary of so many words."""
    return {
        "vocab_size": vocabulary,
        "hidden_size": recipe.width,
        "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "intermediate_size": 4 * recipe.width,
        "hidden_dropout_prob": recipe.dropout,
        "attention_probs_dropout_prob": recipe.dropout,
        "max_position_embeddings": recipe.words + 1,
    }


def bert_of(config: dict[str, Any], folder: Path | None) -> BertModel:
    """The BERT of a configuration, with the weights in a folder or random ones. Raises `Failure` where the folder
    has none that fit."""
    if folder is None:
        return BertModel(BertConfig(**config))
    try:
        model = BertModel.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise Failure(
            f"{folder} holds no BERT that can be read: {reason}",
            "give a folder with config.json, vocab.txt and model.safetensors",
        ) from None
    return model.float()
