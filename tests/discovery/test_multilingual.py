"""Texts that are not English, by multilingual encoders as they are published."""

import json

import pytest
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from torch.nn.functional import normalize
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from dnalib.discovery import FineCategoryDiscovery
from dnalib.encoders import load_encoder

TOPICS = {
    "Abrechnung": ["Rechnung doppelt bezahlt", "Счёт оплачен дважды", "請求書が二重です"],
    "Versand": ["Paket kam nicht an", "Посылка не пришла", "荷物が届きません"],
}
TEXTS = [text for topic in TOPICS.values() for text in topic for _ in range(2)]
COARSE = [name for name, topic in TOPICS.items() for _ in range(2 * len(topic))]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def write_tokenizer(folder):
    """Write a sentencepiece-like tokenizer: a unigram model over marked words, no lower case."""
    letters = sorted({letter for text in TEXTS for letter in text if letter != " "} | {"▁"})
    pieces = [(piece, 0.0) for piece in SPECIAL]
    pieces += [("▁" + word, -3.0) for text in TEXTS[:8:2] for word in text.split()]
    pieces += [(letter, -9.0) for letter in letters]
    tokenizer = Tokenizer(models.Unigram(list(dict(pieces).items()), unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>",
        sep_token="</s>", pad_token="<pad>", unk_token="<unk>",
    ).save_pretrained(folder)  # fmt: skip
    return tokenizer.get_vocab_size()


@pytest.fixture(scope="module", params=["xlm-roberta", "bert"])
def encoder(request, tmp_path_factory):
    """A folder as multilingual sentence encoders have it: XLM-R's pieces under XLM-R or BERT."""
    folder = tmp_path_factory.mktemp(request.param)
    sizes = {
        "vocab_size": write_tokenizer(folder), "hidden_size": 16, "num_hidden_layers": 3,
        "num_attention_heads": 2, "intermediate_size": 32, "max_position_embeddings": 66,
        "pad_token_id": 1,
    }  # fmt: skip
    torch.manual_seed(0)
    made = {
        "xlm-roberta": lambda: XLMRobertaModel(XLMRobertaConfig(**sizes)),
        "bert": lambda: BertModel(BertConfig(**sizes)),
    }[request.param]()
    made.save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_mean_tokens": True})
    )
    return str(folder), made.eval()


def test_features_are_those_of_the_whole_model(encoder):
    folder, model = encoder
    ours = load_encoder(folder, precision="float32").eval()
    tokens = ours.tokenizer(TEXTS, padding=True, return_tensors="pt")
    assert tokens["attention_mask"].sum(1).unique().numel() > 1
    with torch.no_grad():
        hidden = model(**tokens).last_hidden_state
        weights = tokens["attention_mask"][:, :, None].float()
        expected = (hidden * weights).sum(1) / weights.sum(1)
        store = ours.prepare(TEXTS, progress=False)
        found = ours(store.batch(torch.arange(len(TEXTS))))
    torch.testing.assert_close(normalize(found), normalize(expected), rtol=1e-4, atol=1e-5)


def test_categories_of_texts_in_three_scripts(encoder, tmp_path):
    folder, _ = encoder
    model = FineCategoryDiscovery(
        {"Abrechnung": 3, "Versand": 3}, encoder=folder, method="dna", epochs=1, progress=False
    ).fit(TEXTS, COARSE)
    names = " ".join(model.categories()["name"])
    assert all(word in names for word in ("rechnung", "посылка", "請求書が二重です"))
    assert model.labels_[::2].tolist() == model.labels_[1::2].tolist()
    model.save(tmp_path / "model")
    loaded = FineCategoryDiscovery.load(tmp_path / "model")
    assert loaded.predict(TEXTS, COARSE).tolist() == model.labels_.tolist()


@pytest.mark.usefixtures("offline")
def test_an_encoder_that_is_nowhere_is_named():
    model = FineCategoryDiscovery(encoder="no/such-multilingual-model", progress=False)
    with pytest.raises(FileNotFoundError, match="encoder 'no/such-multilingual-model'") as caught:
        model.fit(TEXTS, COARSE)
    assert len(str(caught.value).splitlines()) == 1
