"""Small real things that several test modules make: a tiny BERT, a dataset of short texts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from dnalib.datasets import CoarseDataset, Split

TOPICS = {
    "animal": {"cat": "purr whisker kitten paw", "dog": "bark leash puppy bone"},
    "plant": {"tree": "trunk branch bark oak", "flower": "petal bloom rose scent"},
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_tiny_bert(folder: Path, layers: int = 3, pooling: str | None = None) -> Path:
    """Write a random BERT of 16 dimensions with its tokenizer to ``folder``."""
    words = sorted({w for fine in TOPICS.values() for text in fine.values() for w in text.split()})
    vocabulary = {word: i for i, word in enumerate(SPECIAL + words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(1)  # one whose features tell the topics apart somewhat, not all of them
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=layers,
        num_attention_heads=2, intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        written = {f"pooling_mode_{pooling}_tokens": True}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(written))
    return folder


def make_texts(n: int, seed: int = 0) -> CoarseDataset:
    """Return n training and n test texts of two coarse and four fine topics."""
    coarse_names = tuple(TOPICS)
    fine_names = tuple(fine for topic in TOPICS.values() for fine in topic)
    bags = [text.split() for topic in TOPICS.values() for text in topic.values()]
    rng = np.random.default_rng(seed)

    def split() -> Split:
        fine = np.arange(n) % len(bags)
        texts = [" ".join(rng.choice(bags[f], size=rng.integers(2, 6))) for f in fine]
        return Split(texts, fine // 2, fine)

    return CoarseDataset("topics", "text", split(), split(), coarse_names, fine_names, {})
