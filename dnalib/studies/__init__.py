"""Studies beside the text benchmark: methods on their home ground, several sets and seeds each.

Each module measures one thing and says how; its ``STUDY`` is what
``python -m dnalib study NAME`` runs, and what the notebook of the same subject reads:

- `instances`: instance spreading on seen and unseen categories (notebook 07);
- `novel_classes`: NCL's stages and their ablation (08);
- `metric_learning`: retrieval with and without HIER, and the trees that come of it (09);
- `salient`: objects before characteristic backgrounds (10);
- `own_data`: notebook 12 itself, on sets whose fine labels are known;
- `n_fine`: how many categories a coarse label holds, by several rules.

`study` keeps the rows, `command` is the command line.
"""

from dnalib.studies.command import main
from dnalib.studies.study import Study

__all__ = ["Study", "main"]
