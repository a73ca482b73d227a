"""Texts, images and given vectors to features."""

from dnalib.encoders.conv import ConvEncoder
from dnalib.encoders.features import embed, encode, usual_device
from dnalib.encoders.loading import load_encoder
from dnalib.encoders.store import Batch, RaggedStore, Store, VectorStore
from dnalib.encoders.text import TextEncoder
from dnalib.encoders.vectors import VectorEncoder

__all__ = [
    "Batch",
    "ConvEncoder",
    "RaggedStore",
    "Store",
    "TextEncoder",
    "VectorEncoder",
    "VectorStore",
    "embed",
    "encode",
    "load_encoder",
    "usual_device",
]
