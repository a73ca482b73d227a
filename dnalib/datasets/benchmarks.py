"""The three benchmarks of the DNA paper, as its authors split them.

Sources
-------
Wenbin An et al., "DNA: Denoised Neighborhood Aggregation for Fine-grained Category Discovery",
EMNLP 2023; files of https://github.com/Lackel/DNA. CLINC150: Larson et al., EMNLP 2019. HWU64:
Liu et al., IWSDS 2019. WOS: Kowsari et al., ICMLA 2017.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dnalib.datasets.core import CoarseDataset, Split, encode
from dnalib.datasets.download import RemoteFile, locate

_DNA = "https://raw.githubusercontent.com/Lackel/DNA/bff193e43275acdbc6ba2f655af6259014697cd2/data"
_OOS = (
    "https://raw.githubusercontent.com/clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data"
)

CLINC_TRAIN = RemoteFile(
    "clinc150/train.tsv",
    f"{_DNA}/clinc/train.tsv",
    "sha256:927bbeacbe134c524d1967196c3209d7e7fcd76e8de9ff24e43dc76ed5400dad",
)
CLINC_TEST = RemoteFile(
    "clinc150/test.tsv",
    f"{_DNA}/clinc/test.tsv",
    "sha256:a056d1e4981d36c783cbee0dd6d055b48537a5eaca94b2cf44b34b1df83a1684",
)
CLINC_DOMAINS = RemoteFile(
    "clinc150/domains.json",
    f"{_OOS}/domains.json",
    "sha256:b947b579d3b8e74b06f93b01083d8efaff2888b43a3e362533bd88a6e1211b3a",
)
HWU_TRAIN = RemoteFile(
    "hwu64/train.tsv",
    f"{_DNA}/hwu64/train.tsv",
    "sha256:54dcdaf03a78e03f4430dcd32b67c571ba14990e733aefa7362b29062e0e226e",
)
HWU_TEST = RemoteFile(
    "hwu64/test.tsv",
    f"{_DNA}/hwu64/test.tsv",
    "sha256:97c0d08f5da7b8a972fe79a7ec2a5ce95ae7abc1dedd70d922cb8d7842add34d",
)
WOS_TRAIN = RemoteFile(
    "wos/train.tsv",
    f"{_DNA}/wos/train.tsv",
    "git-blob:68c91140f75062a7e1e5170a6b0cb3c96960ed89",
)
WOS_TEST = RemoteFile(
    "wos/test.tsv",
    f"{_DNA}/wos/test.tsv",
    "sha256:f32496f7712227d2d0d1754ac6f47791fe6752095fc1c032455ea837085f3e9b",
)


def load_clinc150() -> CoarseDataset:
    """Return CLINC150: 18,000/2,250 requests to an assistant, 10 domains, 150 intents."""
    domain_of = read_domains(locate(CLINC_DOMAINS))
    dataset = _build("clinc150", CLINC_TRAIN, CLINC_TEST, domain_of.__getitem__, "CC BY 3.0")
    dataset.provenance["files"][CLINC_DOMAINS.path] = CLINC_DOMAINS.digest
    return dataset


def load_hwu64() -> CoarseDataset:
    """Return HWU64: 8,954/1,076 requests to a home assistant, 18 scenarios, 64 intents."""
    return _build("hwu64", HWU_TRAIN, HWU_TEST, lambda fine: fine.split("_")[0], "CC BY 4.0")


def load_wos() -> CoarseDataset:
    """Return WOS: 8,362/2,420 abstracts, 7 fields; labels are ``coarse.fine`` codes."""
    try:
        return _build("wos", WOS_TRAIN, WOS_TEST, lambda fine: fine.split(".")[0], "CC BY 4.0")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}, or load 'wos-test', made of the test file") from None


def load_wos_test() -> CoarseDataset:
    """Return WOS's test split as both train and test, for where its train file is not at hand."""
    dataset = _build("wos-test", WOS_TEST, WOS_TEST, lambda fine: fine.split(".")[0], "CC BY 4.0")
    note = "the 2,420 test rows of WOS stand in for the train split too: not comparable to wos"
    return replace(dataset, provenance=dataset.provenance | {"note": note})


def read_tsv(path: Path) -> tuple[list[str], list[str]]:
    """Read texts and labels: a header line, then one row a line.

    A line is split on its *last* tab and quotes mean nothing, because some texts hold both: a
    reader that expects two fields drops 45 of the 1,076 test rows of HWU64.

    Parameters
    ----------
    path : pathlib.Path
        A UTF-8 file.

    Returns
    -------
    texts, labels : list of str

    Raises
    ------
    ValueError
        When a line holds no tab.
    """
    lines = path.read_text(encoding="utf-8").split("\n")[1:]
    rows = [line.rpartition("\t") for line in lines if line]
    for number, (_, tab, _) in enumerate(rows, start=2):
        if not tab:
            raise ValueError(
                f"line {number} of {path} holds no tab, expected a text, a tab and a label: "
                "replace the file"
            )
    return [text for text, _, _ in rows], [label for _, _, label in rows]


def read_domains(path: Path) -> dict[str, str]:
    """Return the domain of each CLINC150 intent.

    The published file names intents with spaces in some places where the data has underscores.
    """
    domains = json.loads(path.read_text(encoding="utf-8"))
    return {
        intent.replace(" ", "_"): domain
        for domain, intents in domains.items()
        for intent in intents
    }


def _build(
    name: str,
    train_file: RemoteFile,
    test_file: RemoteFile,
    coarse_of: Callable[[str], str],
    license: str,
) -> CoarseDataset:
    rows = {file: read_tsv(locate(file)) for file in (train_file, test_file)}
    fine_names = tuple(sorted({label for _, labels in rows.values() for label in labels}))
    coarse_names = tuple(sorted({coarse_of(fine) for fine in fine_names}))

    def split(file: RemoteFile) -> Split:
        texts, labels = rows[file]
        coarse = encode([coarse_of(label) for label in labels], coarse_names)
        return Split(texts, coarse, encode(labels, fine_names))

    provenance = {
        "source": "https://github.com/Lackel/DNA",
        "license": license,
        "third_party": True,  # no sentence may enter a notebook's output
        "files": {file.path: file.digest for file in rows},
        "sizes": {"train": len(rows[train_file][0]), "test": len(rows[test_file][0])},
    }
    train, test = split(train_file), split(test_file)
    return CoarseDataset(name, "text", train, test, coarse_names, fine_names, provenance)
