"""The loss lab: move a query around the circle and watch the terms of its loss, and the force."""

from __future__ import annotations

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dnalib import plots, theory
from dnalib.widgets.live import live_figure

LONGEST_ARROW = 0.5
PLACES = np.arange(-180.0, 181.0, 3.0)


class LossLab:
    """A query, its positives and all other keys on the unit circle.

    Parameters
    ----------
    positives, others : array_like, shape (p,) and (m,)
        Places of the keys, in degrees.

    Examples
    --------
    >>> lab = LossLab([20, 55, 80], [115, 150, 185])
    >>> terms = lab.terms(np.array([52.0, 200.0]), temperature=0.2)
    >>> bool(terms["loss"][0] < terms["loss"][1])
    True
    """

    def __init__(self, positives: ArrayLike, others: ArrayLike):
        self.positives = _on_circle(positives)
        self.others = _on_circle(others)
        self._keys = np.concatenate([self.positives, self.others])

    def terms(self, angles: np.ndarray, temperature: float) -> dict[str, np.ndarray]:
        """Return loss, attraction and repulsion of queries at `angles` ``(n,)``, in degrees."""
        parts = theory.decompose(*self._problem(angles), temperature)
        return {
            "loss": parts.loss.numpy(),
            "attraction": parts.attraction.numpy(),
            "repulsion": parts.log_partition.numpy(),
        }

    def force(self, angle: float, temperature: float) -> np.ndarray:
        """Return the downhill direction ``(2,)`` at `angle`, along the circle; at most 0.5 long."""
        found = theory.gradients(*self._problem(np.array([angle])), temperature)
        downhill = -temperature * found.tangent[0].numpy()
        return downhill * min(1, LONGEST_ARROW / max(np.linalg.norm(downhill), 1e-12))

    def figure(self, angle: float, temperature: float) -> Figure:
        """Draw the circle with the force on the query, and the terms around the circle."""
        here = {
            name: value[0] for name, value in self.terms(np.array([angle]), temperature).items()
        }
        force = self.force(angle, temperature)
        to_center = self.positives.mean(axis=0) - _on_circle([angle])[0]
        way = "toward" if force @ to_center > 0 else "away from"
        return plots.loss_around(
            PLACES,
            self.terms(PLACES, temperature),
            angle,
            force,
            self.positives,
            self.others,
            title=f"At {angle:.0f}° the force points {way} the positives' center (loss "
            f"{here['loss']:.2f}, attraction {here['attraction']:.2f}, "
            f"repulsion {here['repulsion']:.2f})",
        )

    def show(self, angle: float = -10, temperature: float = 0.2) -> ipywidgets.VBox | Figure:
        """Return the lab for a notebook's last line; a figure alone when headless."""
        wide = ipywidgets.Layout(width="30em")
        controls = {
            "angle": ipywidgets.FloatSlider(
                angle, min=-180, max=180, step=1, description="query (°)", layout=wide
            ),
            "temperature": ipywidgets.FloatLogSlider(
                temperature, min=-1.5, max=0.5, description="τ", layout=wide
            ),
        }
        return live_figure(self.figure, controls)

    def _problem(self, angles: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        positives = torch.arange(len(self.positives)).expand(len(angles), -1)
        return torch.from_numpy(_on_circle(angles)), torch.from_numpy(self._keys), positives


def _on_circle(degrees: ArrayLike) -> np.ndarray:
    radians = np.deg2rad(np.asarray(degrees, dtype=float))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)
