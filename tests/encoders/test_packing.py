"""Packed tokens: nothing is lost, texts do not see each other, and layers give what they gave."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    ElectraConfig,
    ElectraModel,
    EsmConfig,
    EsmModel,
    MPNetConfig,
    MPNetModel,
    RobertaPreLayerNormConfig,
    RobertaPreLayerNormModel,
    XLMRobertaXLConfig,
    XLMRobertaXLModel,
)

from dnalib.encoders import Batch, TextEncoder
from dnalib.encoders.packing import Packing

SMALL = {
    "vocab_size": 20, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 3,
    "intermediate_size": 24, "max_position_embeddings": 64,
}  # fmt: skip
TOKENIZER = SimpleNamespace(num_special_tokens_to_add=lambda: 2)


@st.composite
def masks(draw):
    """Some texts, each with at least one token that counts, at any place."""
    b, t = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rows = st.lists(st.booleans(), min_size=t, max_size=t).filter(any)
    return torch.tensor(draw(st.lists(rows, min_size=b, max_size=b)))


@given(mask=masks())
def test_packing_keeps_every_token_that_counts_in_order(mask):
    packing = Packing(mask)
    padded = torch.randn(*mask.shape, 3)
    packed = packing.pack(padded)
    assert torch.equal(packed, padded[mask])
    spread = packing.spread(packed)
    assert spread.shape[1] == mask.sum(1).max()
    for row, (text, kept) in enumerate(zip(padded, mask, strict=True)):
        there = text[kept]
        assert torch.equal(spread[row, : len(there)], there)
        assert not spread[row, len(there) :].any()
        assert torch.equal(packed[packing.first[row]], there[0])
        assert packing.bias[row].ravel().eq(0).sum() == len(there)
        torch.testing.assert_close(packing.mean(packed)[row], there.mean(0))
    assert torch.equal(packing.gather(spread), packed)


def features_and_gradient(encoder, batch):
    encoder.zero_grad()
    features = encoder(batch)
    features.square().sum().backward()
    return features, [p.grad.clone() for p in encoder.parameters() if p.grad is not None]


def test_a_batch_gives_the_features_and_the_gradient_of_its_texts_one_by_one():
    torch.manual_seed(0)
    encoder = TextEncoder(BertModel(BertConfig(**SMALL)), TOKENIZER, trainable_layers=2).eval()
    values = torch.randn(5, 7, 16)
    mask = torch.rand(5, 7) < 0.6
    mask[:, 0] = True
    together, gradient = features_and_gradient(encoder, Batch(values, mask))
    alone = [
        features_and_gradient(encoder, Batch(text[None, kept], torch.ones(1, len(text[kept])) > 0))
        for text, kept in zip(values, mask, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat([features for features, _ in alone]))
    for each, parts in zip(gradient, zip(*[g for _, g in alone], strict=True), strict=True):
        torch.testing.assert_close(each, sum(parts), rtol=1e-4, atol=1e-5)


def test_attention_has_dropout_in_training_alone():
    model = BertModel(BertConfig(**SMALL, hidden_dropout_prob=0.0))
    encoder = TextEncoder(model, TOKENIZER, trainable_layers=1)
    batch = Batch(torch.randn(4, 6, 16), torch.ones(4, 6, dtype=torch.bool))
    assert torch.equal(encoder.eval()(batch), encoder(batch))
    assert not torch.equal(encoder.train()(batch), encoder(batch))


def test_narrow_embeddings_are_widened():
    torch.manual_seed(0)
    model = ElectraModel(ElectraConfig(**SMALL, embedding_size=8)).eval()
    ids = torch.randint(20, (3, 5))
    mask = torch.ones(3, 5, dtype=torch.bool)
    with torch.no_grad():
        expected = model(ids, mask.long()).last_hidden_state.mean(1)
        features = TextEncoder(model, TOKENIZER, trainable_layers=1).eval()(Batch(ids, mask))
    torch.testing.assert_close(features, expected)


def test_a_model_with_attention_of_its_own_is_not_cut():
    model = DebertaV2Model(DebertaV2Config(**SMALL, relative_attention=True))
    with pytest.raises(ValueError, match="DebertaV2Model cannot be cut at layer 2"):
        TextEncoder(model, TOKENIZER, trainable_layers=1)
    assert TextEncoder(model, TOKENIZER, trainable_layers="all").dim == 16


@pytest.mark.parametrize(
    ("model", "config"),
    [
        (EsmModel, EsmConfig),
        (MPNetModel, MPNetConfig),
        (RobertaPreLayerNormModel, RobertaPreLayerNormConfig),
        (XLMRobertaXLModel, XLMRobertaXLConfig),
    ],
)
def test_a_model_with_more_than_layers_is_not_cut(model, config):
    made = model(config(**SMALL, pad_token_id=1))
    with pytest.raises(ValueError, match=f"{model.__name__} cannot be cut at layer 2"):
        TextEncoder(made, TOKENIZER, trainable_layers=1, max_length=32)
