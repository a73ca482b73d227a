"""Texts to vectors: the packaged MiniLM, any Hugging Face encoder, or given vectors."""

from dnalib.encoders.features import embed, encode
from dnalib.encoders.loading import load_encoder
from dnalib.encoders.store import Batch, RaggedStore, Store, VectorStore
from dnalib.encoders.text import TextEncoder
from dnalib.encoders.vectors import VectorEncoder

__all__ = [
    "Batch",
    "RaggedStore",
    "Store",
    "TextEncoder",
    "VectorEncoder",
    "VectorStore",
    "embed",
    "encode",
    "load_encoder",
]
