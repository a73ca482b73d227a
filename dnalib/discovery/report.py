"""One HTML file that shows what was discovered; it opens from disk and asks no network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from dnalib.discovery import findings
from dnalib.discovery.estimator import FineCategoryDiscovery
from dnalib.files import atomic_path
from dnalib.plots import OKABE_ITO, project

POINTS = 2000
"""Texts on the map; of more, as many are drawn."""
SHOWN_CATEGORIES = 600
"""Categories shown with their texts; of more, the largest of each coarse label."""
WIDTH, HEIGHT, MARGIN = 1000, 640, 30
SHOWN = 320
"""Characters of a text that are shown."""
LETTER = 7.8
"""Width of a letter on the map, to keep names apart."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
)


def write_report(
    model: FineCategoryDiscovery, path: str | os.PathLike, *, title: str = "Discovered categories"
) -> Path:
    """Write the report of a fitted model.

    It shows the tree of coarse labels and categories with sizes, names and examples; what to look
    at first; a map of the texts; how sure the numbers of categories are; rows whose coarse label
    looks wrong; repeated texts. It holds texts of the table: treat it as you treat the table.

    Parameters
    ----------
    model : FineCategoryDiscovery
        Fitted in this session: a loaded model has no texts.
    path : path
        Ends in ``.html``.
    title : str

    Returns
    -------
    pathlib.Path
    """
    colors = {
        name: OKABE_ITO[:6][position % 6] for position, name in enumerate(model.parent_names_)
    }
    table = model.fitted_table()
    page = _TEMPLATES.get_template("report.html.j2").render(
        title=title,
        model=model,
        table=table,
        tree=_tree(model, table["confidence"].to_numpy()),
        n_categories=len(model.categories()),
        colors=colors,
        shaky=findings.SHAKY,
        warnings=findings.warnings(model),
        numbers=findings.numbers(model).to_dict("records"),
        suspicious=_shortened(findings.suspicious(model)),
        repeated=_shortened(findings.repeated(model)),
        drawing=_drawing(model, table, colors),
        agreement=float(np.mean(model.stability_ari_)),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(page, "utf-8")
    return Path(path)


def _tree(model: FineCategoryDiscovery, confidence: np.ndarray) -> list[dict]:
    """Return each coarse label with its largest categories, and their examples."""
    categories = model.categories()
    most = max(1, SHOWN_CATEGORIES // len(model.parent_names_))
    tree = []
    for parent in model.parent_names_:
        inside = categories[categories["parent"] == parent].sort_values("size", ascending=False)
        shown = inside.head(most)
        children = [
            _child(model, category, entry, confidence) for category, entry in shown.iterrows()
        ]
        tree.append(
            {
                "name": parent,
                "size": int(inside["size"].sum()),
                "n_categories": len(inside),
                "children": children,
                "n_hidden": len(inside) - len(shown),
            }
        )
    return tree


def _child(
    model: FineCategoryDiscovery, category: int, entry: pd.Series, confidence: np.ndarray
) -> dict:
    """Return what is shown of a category."""
    texts = model.fitted_texts()
    return {
        "name": entry["name"],
        "size": int(entry["size"]),
        "share": float(entry["share"]),
        "stability": None if np.isnan(entry["stability"]) else float(entry["stability"]),
        "central": [_short(texts[row]) for row in model.central(category, 4)],
        "border": [
            (_short(texts[row]), float(confidence[row])) for row in model.borderline(category, 2)
        ],
    }


def _drawing(
    model: FineCategoryDiscovery, table: pd.DataFrame, colors: dict[str, str]
) -> dict | None:
    """Return points, names and texts of the map; None for fewer texts than a map needs."""
    rows = np.flatnonzero(table["category"] >= 0)
    if len(rows) < 10:
        return None
    rows = np.sort(np.random.default_rng(model.seed).permutation(rows)[:POINTS])
    shown, texts = table.iloc[rows], model.fitted_texts()
    places = _fitted_to_page(project(model.fitted_features()[rows], seed=model.seed))
    points = [
        {"x": round(float(x), 1), "y": round(float(y), 1), "color": colors[parent]}
        for (x, y), parent in zip(places, shown["parent"], strict=True)
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "points": points,
        "names": _placed_names(places, shown, model.categories()),
        "total": int((table["category"] >= 0).sum()),
        "hover": _hover(shown, texts),
    }


def _hover(shown: pd.DataFrame, texts: list[str]) -> str:
    """Return what is said of each point, as JSON that can stand in a script element."""
    said = [
        [entry.parent, entry.label, f"{entry.confidence:.0%}", _short(texts[entry.row])]
        for entry in shown.rename(columns={"name": "label"}).itertuples()
    ]
    return json.dumps(said, ensure_ascii=False).replace("<", "\\u003c")  # "<" would end it early


def _fitted_to_page(places: np.ndarray) -> np.ndarray:
    """Return coordinates scaled to the page, a few far points pulled in to its edge."""
    low, high = np.quantile(places, [0.002, 0.998], axis=0)
    unit = np.clip((places - low) / np.maximum(high - low, 1e-9), 0, 1)
    return MARGIN + unit * (np.array([WIDTH, HEIGHT]) - 2 * MARGIN)


def _placed_names(places: np.ndarray, shown: pd.DataFrame, categories: pd.DataFrame) -> list[dict]:
    """Return names at the middle of their texts, large categories first, none over another."""
    placed: list[dict] = []
    for category, entry in categories.sort_values("size", ascending=False).iterrows():
        inside = places[(shown["category"] == category).to_numpy()]
        if not len(inside):
            continue
        name = _short(entry["name"], 34)
        half = len(name) * LETTER / 2
        x, y = np.median(inside, axis=0)
        x = float(np.clip(x, half, WIDTH - half))
        box = {"x": round(x, 1), "y": round(float(y), 1), "half": half, "name": name}
        if all(abs(x - o["x"]) > half + o["half"] or abs(y - o["y"]) > 16 for o in placed):
            placed.append(box)
    return placed


def _shortened(frame: pd.DataFrame) -> list[dict]:
    return frame.assign(text=[_short(text) for text in frame["text"]]).to_dict("records")


def _short(text: str, length: int = SHOWN) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
