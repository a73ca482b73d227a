"""The registry: a method is a recipe over the one training loop, one entry each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from dnalib.methods.clusters import DeepAlignedObjective, DeepClusterObjective
from dnalib.methods.coarse_cidfd import CoarseCIDFDObjective
from dnalib.methods.dna import DNAObjective
from dnalib.methods.dna_hier import HierarchicalDNAObjective
from dnalib.methods.down import DOWNObjective
from dnalib.methods.hier import MetricObjective
from dnalib.methods.idfd import IDFDObjective
from dnalib.methods.isif import ISIFObjective
from dnalib.methods.ncl import CoarseNCLObjective
from dnalib.methods.ntxent import NTXentObjective
from dnalib.methods.plus import DNAPlusObjective
from dnalib.methods.simcse import SimCSECoarseObjective, SimCSEObjective
from dnalib.methods.star import STARObjective
from dnalib.methods.wscl import WSCLObjective
from dnalib.training import CoarseCrossEntropy, Objective, Task, TrainingConfig


@dataclass(frozen=True)
class Method:
    """A recipe.

    Attributes
    ----------
    name : str
        Key in the registry.
    title : str
        Name in tables and figures.
    source : str
        Where it was published, or why it stands here.
    objective : callable or None
        ``(task, config) -> Objective``; None trains nothing.
    settings : mapping
        Fields of `TrainingConfig` where the method departs from its defaults.
    baseline : str or None
        The method that is left without the idea of this one, to tell what the idea is worth; by
        default what every method starts from. None has only that itself.
    """

    name: str
    title: str
    source: str
    objective: Callable[[Task, TrainingConfig], Objective] | None
    settings: Mapping[str, object] = field(default_factory=dict)
    baseline: str | None = "embeddings"

    def declares(self, attribute: str) -> bool:
        """Return whether the objective's class sets ``attribute`` of `Objective`: ``pretrains``."""
        made = self.objective.func if isinstance(self.objective, partial) else self.objective
        return bool(getattr(made, attribute, False))


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "embeddings",
            "Embeddings + k-means",
            "the baseline that every comparison owes its reader",
            objective=None,
            baseline=None,
        ),
        Method(
            "coarse-ce",
            "Coarse cross-entropy",
            "supervised training on the coarse labels alone; the 'BERT + CE' of DNA's tables",
            objective=CoarseCrossEntropy,
            settings={"epochs": 3},
        ),
        Method(
            "dna",
            "DNA",
            "An et al., Denoised Neighborhood Aggregation, EMNLP 2023",
            objective=DNAObjective,
            baseline="coarse-ce",
        ),
        Method(
            "simcse",
            "SimCSE",
            "Gao et al., SimCSE, EMNLP 2021; two views by dropout, no labels",
            objective=SimCSEObjective,
            settings={"view": "none", "temperature": 0.05},
        ),
        Method(
            "simcse-ce",
            "SimCSE + coarse cross-entropy",
            "the 'SimCSE + CE' of DNA's tables",
            objective=SimCSECoarseObjective,
            settings={"view": "none", "temperature": 0.05},
            baseline="coarse-ce",
        ),
        Method(
            "ntxent",
            "NT-Xent",
            "Chen et al., SimCLR, ICML 2020; two views by token dropping, no labels",
            objective=NTXentObjective,
            settings={"temperature": 0.1},
        ),
        Method(
            "isif",
            "Instance spreading",
            "Ye et al., ISIF, CVPR 2019, its released loss; two views by token dropping, no labels",
            objective=ISIFObjective,
            settings={"temperature": 0.1},
            baseline="ntxent",
        ),
        Method(
            "idfd",
            "IDFD",
            "Tao et al., Instance Discrimination and Feature Decorrelation, ICLR 2021; no labels",
            objective=IDFDObjective,
            settings={"temperature": 1.0},
        ),
        Method(
            "cidfd",
            "cIDFD, reconstructed",
            "a reconstruction of cIDFD, PAKDD 2024, whose losses were not found; see its docstring",
            objective=CoarseCIDFDObjective,
            settings={"temperature": 1.0},
            baseline="idfd",
        ),
        Method(
            "deepcluster",
            "DeepCluster",
            "Caron et al., Deep Clustering, ECCV 2018; k-means labels, no others",
            objective=DeepClusterObjective,
        ),
        Method(
            "deepaligned",
            "DeepAligned",
            "Zhang et al., Deep Aligned Clustering, AAAI 2021; aligned k-means and coarse labels",
            objective=DeepAlignedObjective,
            baseline="deepcluster",
        ),
        Method(
            "wscl",
            "WSCL",
            "An et al., Hierarchical Weighted Self-contrastive Learning, EMNLP 2022",
            objective=WSCLObjective,
            settings={"temperature": 0.1, "momentum": 0.9},
            baseline="simcse-ce",
        ),
        Method(
            "down",
            "DOWN",
            "An et al., Dynamic Order Weighted Network; without its masked-language pretraining",
            objective=DOWNObjective,
            settings={"filters": ()},
            baseline="dna",
        ),
        Method(
            "star",
            "STAR-DOWN",
            "an early release by DOWN's authors, which may differ from the paper",
            objective=STARObjective,
            settings={"filters": ()},
            baseline="down",
        ),
        Method(
            "dna-ranked",
            "DNA + ranks",
            "a combination of our own: DNA's label and reciprocal filters, DOWN's weights by rank",
            objective=DOWNObjective,
            settings={"filters": ("label", "reciprocal")},
            baseline="dna",
        ),
        Method(
            "dna-plus",
            "DNA+",
            "a recipe of our own: DNA + ranks, then also centers found inside each coarse class",
            objective=DNAPlusObjective,
            settings={"filters": ("label", "reciprocal"), "epochs": 16},
            baseline="dna-ranked",
        ),
        Method(
            "ncl",
            "NCL",
            "Zhong et al., Neighborhood Contrastive Learning, CVPR 2021; coarse labels are known",
            objective=CoarseNCLObjective,
            settings={"temperature": 0.05},
            baseline="coarse-ce",
        ),
        Method(
            "dna-hier",
            "DNA + HIER",
            "DNA with the regularizer of Kim et al., HIER, CVPR 2023; a combination of our own",
            objective=HierarchicalDNAObjective,
            baseline="dna",
        ),
        Method(
            "proxy-anchor",
            "Proxy-Anchor",
            "Kim et al., Proxy Anchor Loss, CVPR 2020, over the coarse labels",
            objective=partial(MetricObjective, base="proxy-anchor", weight=0.0),
        ),
        Method(
            "proxy-anchor-hier",
            "Proxy-Anchor + HIER",
            "Kim et al., HIER, CVPR 2023, over the coarse labels",
            objective=partial(MetricObjective, base="proxy-anchor"),
            baseline="proxy-anchor",
        ),
        Method(
            "multi-similarity",
            "Multi-Similarity",
            "Wang et al., Multi-Similarity Loss, CVPR 2019, over the coarse labels",
            objective=partial(MetricObjective, base="multi-similarity", weight=0.0),
        ),
        Method(
            "multi-similarity-hier",
            "Multi-Similarity + HIER",
            "Kim et al., HIER, CVPR 2023, over the coarse labels",
            objective=partial(MetricObjective, base="multi-similarity"),
            baseline="multi-similarity",
        ),
    )
}
"""All methods by name."""


def get_method(name: str | Method) -> Method:
    """Return the method ``name``; a ValueError names those that exist.

    A `Method` is returned as it is, so that a variant need not be registered to be run.
    """
    if isinstance(name, Method):
        return name
    if name not in METHODS:
        raise ValueError(f"method {name!r} is unknown: expected one of {', '.join(METHODS)}")
    return METHODS[name]
