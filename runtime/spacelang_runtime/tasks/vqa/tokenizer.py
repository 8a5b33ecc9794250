"""Texts as numbers: BERT's word pieces, or the words of the data where there is no BERT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers.implementations import BertWordPieceTokenizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from torch import Tensor

from spacelang_runtime.failure import Failure
from spacelang_runtime.tasks.files import read_lines

PAD, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"


def of_bert(folder: Path) -> list[str]:
    """The vocabulary of a BERT, from its `vocab.txt`: word pieces by their number."""
    words = read_lines(folder / "vocab.txt", "BERT's vocabulary, a word piece a line")
    missing = [mark for mark in (PAD, UNKNOWN, BEGIN, END) if mark not in words]
    if missing:
        raise Failure(f"{folder / 'vocab.txt'} lacks {', '.join(missing)}", "give the folder of a BERT")
    return words


def of_texts(texts: Iterable[str]) -> list[str]:
    """A vocabulary of the words that occur in texts, the most frequent first."""
    cut = BertPreTokenizer()
    counts = Counter(word for text in texts for word, _ in cut.pre_tokenize_str(text.lower()))
    return [PAD, UNKNOWN, BEGIN, END, *sorted(counts, key=lambda word: (-counts[word], word))]


class WordPieces:
    """Texts to numbers by a vocabulary: [CLS], the text's pieces, [SEP], filled with [PAD] up to `length`."""

    def __init__(self, vocabulary: list[str], length: int) -> None:
        numbers = {word: number for number, word in enumerate(vocabulary)}
        self.pad = numbers[PAD]
        self._tokenizer = BertWordPieceTokenizer(vocab=numbers, lowercase=True)
        self._tokenizer.enable_truncation(length)
        self._tokenizer.enable_padding(pad_id=self.pad, pad_token=PAD, length=length)

    def __call__(self, texts: list[str]) -> Tensor:
        """int64 [texts, length]."""
        return torch.tensor([encoding.ids for encoding in self._tokenizer.encode_batch(texts)], dtype=torch.int64)
