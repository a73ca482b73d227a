"""The losses, one a file, with the memories and the small functions that they share."""

from dnalib.losses.cidfd import CIDFDLoss
from dnalib.losses.consistency import ConsistencyLoss
from dnalib.losses.dna import DNALoss, rank_weights
from dnalib.losses.hard_negatives import mix_hard_negatives
from dnalib.losses.hier import HIERLoss
from dnalib.losses.idfd import IDFDLoss, feature_decorrelation
from dnalib.losses.isif import ISIFLoss
from dnalib.losses.memory import FeatureQueue, Memory
from dnalib.losses.ncl import NCLLoss
from dnalib.losses.ntxent import NTXentLoss
from dnalib.losses.pairwise import PairwiseBCELoss, same_by_cosine, same_by_rank, same_by_share
from dnalib.losses.simcse import SimCSELoss
from dnalib.losses.star import GaussianHead, STARLoss, symmetric_divergence
from dnalib.losses.supervised_contrastive import SupervisedContrastiveLoss
from dnalib.losses.wscl import WSCLLoss

__all__ = [
    "CIDFDLoss",
    "ConsistencyLoss",
    "DNALoss",
    "FeatureQueue",
    "GaussianHead",
    "HIERLoss",
    "IDFDLoss",
    "ISIFLoss",
    "Memory",
    "NCLLoss",
    "NTXentLoss",
    "PairwiseBCELoss",
    "STARLoss",
    "SimCSELoss",
    "SupervisedContrastiveLoss",
    "WSCLLoss",
    "feature_decorrelation",
    "mix_hard_negatives",
    "rank_weights",
    "same_by_cosine",
    "same_by_rank",
    "same_by_share",
    "symmetric_divergence",
]
