"""Transformers as text encoders whose frozen lower layers are computed only once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dnalib.encoders.cache import cached, content_key
from dnalib.encoders.packing import Packing, pack_attention, run_layers
from dnalib.encoders.store import Batch, RaggedStore, length_buckets
from dnalib.environment import arithmetic
from dnalib.progress import progress_bar
from dnalib.whole import is_whole

if TYPE_CHECKING:  # half of the time that importing dnalib would take, and most never needs it
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ENCODING_BATCH = 128
POOLINGS = ("mean", "cls")
BERT_PARTS = {"embeddings", "embeddings_project", "encoder", "pooler"}


class TextEncoder(nn.Module):
    """A transformer cut in two: a frozen lower part, run once a text, and a trainable upper part.

    Only the upper part is run at every training step, over stored states of the layer below it.
    With the top two of six layers trained, a step costs about a fifth of training all of them.

    Parameters
    ----------
    model : PreTrainedModel
        A BERT-shaped encoder (``embeddings`` and ``encoder.layer``: BERT, RoBERTa, XLM-R, ELECTRA,
        MiniLM, …), or any other encoder if all of its layers, or none, are trained.
    tokenizer : PreTrainedTokenizerBase
        Its tokenizer.
    trainable_layers : int or "all", default 2
        How many of the topmost layers are trained. ``"all"`` also trains the embeddings and
        stores token ids, not states. More layers fit better and cost more at each step.
    pooling : {"mean", "cls"}, default "mean"
        A text's feature: the mean over its tokens, or the state of its first token.
    max_length : int, default 64
        Word pieces kept of each text, special tokens included: at least one beside them, and no
        more than the model has positions for.
    precision : {"auto", "bfloat16", "float32"}, default "auto"
        Of the layers' arithmetic; "auto" is `dnalib.environment.arithmetic`.
    digest : str, default ""
        What tells these weights from others; texts are cached on disk only with a digest.

    Attributes
    ----------
    dim : int
        Length of a feature.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        trainable_layers: int | str = 2,
        pooling: str = "mean",
        max_length: int = 64,
        precision: str = "auto",
        digest: str = "",
    ):
        super().__init__()
        _check_choice("pooling", pooling, POOLINGS)
        _check_length(max_length, model, tokenizer)
        self.model = model
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.max_length = max_length
        self.digest = digest
        self.dim = model.config.hidden_size
        self.dtype = _resolve_precision(precision)
        self.trains_embeddings = trainable_layers == "all"
        self.frozen_layers = _count_frozen(trainable_layers, model.config.num_hidden_layers)
        if not self._splits_nowhere and not (_is_bert_shaped(model) and pack_attention(model)):
            raise ValueError(
                f"{type(model).__name__} cannot be cut at layer {self.frozen_layers}: only "
                "BERT-shaped encoders can; take trainable_layers=0 or 'all'"
            )
        self._freeze()

    @property
    def _splits_nowhere(self) -> bool:
        none_trained = self.frozen_layers == self.model.config.num_hidden_layers
        return none_trained or self.trains_embeddings

    def _freeze(self) -> None:
        if not self.trains_embeddings:
            self.model.requires_grad_(False)
            if not self._splits_nowhere:
                self.model.encoder.layer[self.frozen_layers :].requires_grad_(True)

    def train(self, mode: bool = True) -> TextEncoder:
        """Set training mode; the frozen part stays in evaluation mode, without dropout."""
        super().train(mode)
        if mode and not self.trains_embeddings:
            self.model.train(False)
            if not self._splits_nowhere:
                self.model.encoder.layer[self.frozen_layers :].train(True)
        return self

    # --- texts to stored states ---

    def prepare(self, texts: Sequence[str], progress: bool = True) -> RaggedStore:
        """Tokenize ``texts`` and run the frozen part once, or read its states from the cache.

        Returns
        -------
        RaggedStore
            States below the trainable layers, ``(total tokens, dim)``; token ids if all layers
            are trained.
        """
        tokens = self.tokenize(texts)
        if self.trains_embeddings:
            return tokens
        if self.digest:
            ids, lengths = (part.numpy().tobytes() for part in (tokens.values, tokens.lengths))
            key = content_key(
                "states", self.digest, self.model.config.to_json_string(), str(self.frozen_layers),
                str(self.dtype), ids, lengths,
            )  # fmt: skip
            states = cached(key, lambda: self._lower_states(tokens, progress))
        else:
            states = self._lower_states(tokens, progress)
        return RaggedStore(states, tokens.lengths, tokens)

    def tokenize(self, texts: Sequence[str]) -> RaggedStore:
        """Return the token ids of ``texts``, special tokens included, cut at ``max_length``."""
        _check_texts(texts)
        ids = self.tokenizer(list(texts), truncation=True, max_length=self.max_length)["input_ids"]
        lengths = torch.tensor([len(row) for row in ids])
        return RaggedStore(torch.tensor([token for row in ids for token in row]), lengths)

    @torch.no_grad()
    def _lower_states(self, tokens: RaggedStore, progress: bool) -> Tensor:
        states = torch.empty(len(tokens.values), self.dim, dtype=self.dtype)
        was_training = self.training
        self.eval()
        buckets = length_buckets(tokens.lengths, ENCODING_BATCH)
        with progress_bar(len(tokens), "encoding", "text", show=progress) as bar:
            for indices in buckets:
                batch = tokens.batch(indices).to(self.device)
                packing = Packing(batch.mask)
                with self._autocast():
                    hidden = self._lower(batch, packing)
                positions, mask = tokens.positions(indices)
                states[positions[mask]] = hidden.to("cpu", self.dtype)
                bar.update(len(indices))
        self.train(was_training)
        return states

    # --- states to features ---

    def forward(self, batch: Batch) -> Tensor:
        """Return features ``(b, dim)`` in float32, not normalized.

        ``batch`` holds stored states, or token ids: then the frozen part is run as well, for
        views that change tokens.
        """
        batch = batch.to(self.device)
        packing = Packing(batch.mask)
        with self._autocast():
            if batch.values.is_floating_point():
                hidden = packing.pack(batch.values)
            else:
                with nullcontext() if self.trains_embeddings else torch.no_grad():
                    hidden = self._lower(batch, packing)
            hidden = self._upper(hidden, packing).float()
        return packing.mean(hidden) if self.pooling == "mean" else hidden[packing.first]

    def _lower(self, batch: Batch, packing: Packing) -> Tensor:
        """Return the states ``(n, dim)`` below the trainable layers, from token ids."""
        if self._splits_nowhere:
            outputs = self.model(input_ids=batch.values, attention_mask=batch.mask.long())
            return packing.pack(outputs.last_hidden_state)
        hidden = packing.pack(self.model.embeddings(input_ids=batch.values))
        if hasattr(self.model, "embeddings_project"):  # ELECTRA's may be narrower than its layers
            hidden = self.model.embeddings_project(hidden)
        return run_layers(self.model.encoder.layer[: self.frozen_layers], hidden, packing)

    def _upper(self, hidden: Tensor, packing: Packing) -> Tensor:
        if self._splits_nowhere:
            return hidden
        return run_layers(self.model.encoder.layer[self.frozen_layers :], hidden, packing)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def _autocast(self):
        enabled = self.dtype == torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)


def _count_frozen(trainable_layers: int | str, n_layers: int) -> int:
    if trainable_layers == "all":
        return 0
    if not (is_whole(trainable_layers) and 0 <= trainable_layers <= n_layers):
        raise ValueError(
            f"trainable_layers is {trainable_layers!r}: expected 0 to {n_layers}, or 'all'"
        )
    return n_layers - trainable_layers


def _is_bert_shaped(model: PreTrainedModel) -> bool:
    """Tell whether embeddings and layers are all there is, but for the pooler, which is not used.

    Some models have the same names and more: a position bias (MPNet), a normalization after the
    last layer (ESM, RoBERTa-PreLayerNorm).
    """
    layers = getattr(model, "encoder", None)
    if not (hasattr(model, "embeddings") and hasattr(layers, "layer")):
        return False
    return _with_weights(model) <= BERT_PARTS and _with_weights(layers) == {"layer"}


def _with_weights(module: nn.Module) -> set[str]:
    return {name for name, part in module.named_children() if any(True for _ in part.parameters())}


def _resolve_precision(precision: str) -> torch.dtype:
    _check_choice("precision", precision, ("auto", "bfloat16", "float32"))
    return getattr(torch, arithmetic() if precision == "auto" else precision)


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: expected one of {', '.join(choices)}")


def _check_length(
    max_length: int, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Refuse at once what would fail at the first long text, or leave nothing of any."""
    positions = _positions(model)
    least = tokenizer.num_special_tokens_to_add() + 1
    if (
        not is_whole(max_length)
        or max_length < least
        or (positions is not None and max_length > positions)
    ):
        fitting = f"at least {least}" if positions is None else f"{least} to {positions}"
        raise ValueError(
            f"max_length is {max_length!r} for {type(model).__name__}: expected {fitting}, from "
            "one word piece beside the special tokens to all it can place"
        )


def _positions(model: PreTrainedModel) -> int | None:
    """Return how many word pieces the model has learned places for; None where it has no table."""
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    if not isinstance(table, nn.Embedding):
        return None
    # RoBERTa and its kin count from the row after that of padding.
    skipped = 0 if table.padding_idx is None else table.padding_idx + 1
    return table.num_embeddings - skipped


def _check_texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str) or len(texts) == 0:
        raise ValueError(f"texts is {texts!r}: expected a list of at least one string")
    for row, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(
                f"text {row} is {text!r}: expected a non-empty string; remove that row"
            )
