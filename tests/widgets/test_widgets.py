"""Moving a control changes the figure; with nobody to move it there is a figure all the same."""

import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colors as mcolors
from matplotlib.figure import Figure

from dnalib import plots
from dnalib.neighbors import build_graph
from dnalib.widgets import EmbeddingExplorer, FilterPlayground, LossLab, explorer, live, live_figure


@pytest.fixture(params=["watched", "headless"])
def watched(request, monkeypatch):
    for module in (live, explorer):
        monkeypatch.setattr(module, "headless", lambda: request.param == "headless")
    return request.param == "watched"


@pytest.fixture(scope="module")
def playground():
    rng = np.random.default_rng(0)
    fine = np.arange(60) % 4
    features = rng.normal(size=(4, 16))[fine] + rng.normal(size=(60, 16))
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    return FilterPlayground(features, fine // 2, fine, ["a", "b", "c", "d"], max_k=20)


def picture_of(box):
    (picture,) = [child for child in box.children if isinstance(child, ipywidgets.HTML)]
    return picture.value


def words_of(box):
    return re.search(r'alt="(.*?)"', picture_of(box))[1]


def control(box, description):
    (found,) = [c for c in box.children if getattr(c, "description", None) == description]
    return found


def test_a_control_that_moves_draws_the_figure_anew(watched, playground):
    shown = playground.show(query=3, k=10)
    if not watched:
        assert isinstance(shown, Figure)
        return
    before, said = picture_of(shown), words_of(shown)
    control(shown, "k").value = 15
    assert picture_of(shown) != before
    assert "data:image/png;base64,iVBOR" in before and said.startswith("All texts. One of d")
    control(shown, "query").value = 4
    assert words_of(shown).startswith("All texts. One of a")


def test_figures_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(live, "headless", lambda: False)
    plt.close("all")
    slider = ipywidgets.IntSlider(1, 1, 9)
    live_figure(lambda k: plt.figure(figsize=(k, 1)), {"k": slider})
    slider.value = 5
    assert plt.get_fignums() == []


@pytest.mark.parametrize("filters", [(), ("label",), ("reciprocal", "rank")])
def test_the_playground_filters_as_the_library_does(playground, filters):
    ours = playground.graph(7, filters, m=2)
    library = build_graph(playground.features, playground.coarse, 7, filters, m=2)
    np.testing.assert_array_equal(ours.indices, library.indices)
    np.testing.assert_array_equal(ours.keep, library.keep)


def test_nothing_kept_can_be_drawn(playground):
    on = {"label": True, "reciprocal": True, "rank": True}
    assert isinstance(playground.figure(0, 5, 16, **on), Figure)


def test_the_slider_of_m_ends_at_the_dimensions_there_are(monkeypatch):
    monkeypatch.setattr(live, "headless", lambda: False)
    features = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    fine = np.arange(30) % 4
    shown = FilterPlayground(features, fine // 2, fine, list("abcd"), max_k=9).show(m=5)
    slider = control(shown, "m (rank)")
    assert (slider.value, slider.max) == (3, 3)
    control(shown, "rank filter").value = True  # draws the figure: m must suit the features


def test_the_force_goes_downhill_along_the_circle():
    lab = LossLab([20, 55, 80], [115, 150, 300])
    for angle in (-100.0, -10.0, 50.0, 170.0):
        ends = lab.terms(np.array([angle - 0.01, angle + 0.01]), 0.2)["loss"]
        slope = (ends[1] - ends[0]) / np.deg2rad(0.02)
        radians = np.deg2rad(angle)
        tangent = np.array([-np.sin(radians), np.cos(radians)])
        force = lab.force(angle, 0.2)
        assert force @ np.array([np.cos(radians), np.sin(radians)]) == pytest.approx(0, abs=1e-9)
        assert force @ tangent == pytest.approx(np.clip(-0.2 * slope, -0.5, 0.5), abs=1e-4)


def test_the_lab_follows_its_query(watched):
    shown = LossLab([20, 55], [115, 200]).show(angle=10)
    if watched:
        assert words_of(shown).startswith("At 10°")
        control(shown, "query (°)").value = 90
        assert words_of(shown).startswith("At 90°")
    else:
        assert isinstance(shown, Figure)


def explorer_of(texts):
    maps = np.random.default_rng(0).normal(size=(2, 30, 2))
    labels = np.arange(30) % 3
    names, parents = ["cat", "dog", "ant"], ["pet", "<pest>"]
    return EmbeddingExplorer(*maps, labels, names, labels // 2, parents, texts, title="Apart")


def test_the_explorer_lists_what_is_picked_in_either_map(watched):
    shown = explorer_of([f"text {row} & more" for row in range(30)]).show()
    if not watched:
        assert isinstance(shown, Figure) and plots.describe(shown).startswith("Apart.")
        return
    scatters = [box.children[-1] for box in shown.children[0].children]
    picked = shown.children[1]
    assert "lasso" in picked.value
    scatters[1].selection = [2, 0, 5]
    assert list(scatters[0].selection) == [2, 0, 5]
    words = re.sub(r"<style.*?</style>|<.*?>", " ", picked.value, flags=re.S).split()
    assert words[:2] == ["3", "picked"]
    assert words.count("ant") == 2 and "0 &amp; more" in " ".join(words) and "&lt;pest&gt;" in words
    scatters[1].selection = []
    assert "lasso" in picked.value


def test_samples_without_a_category_are_listed_and_drawn_as_such(monkeypatch):
    monkeypatch.setattr(explorer, "headless", lambda: False)
    xy = np.random.default_rng(0).normal(size=(3, 2))
    found = EmbeddingExplorer(xy, xy, [0, -1, 1], ["cat", "dog"], [0, 0, 0], ["pet"])
    assert found.samples["category"].tolist() == ["cat", "no category", "dog"]
    colors = [mcolors.to_hex(color).upper() for color in found._scatter(xy).color()["map"]]
    assert colors == [*plots.OKABE_ITO[:2], plots.NO_CATEGORY_COLOR]


def test_a_label_without_a_name_is_refused():
    xy = np.zeros((3, 2))
    with pytest.raises(ValueError, match="labels run from 0 to 2, but there are 2 names"):
        EmbeddingExplorer(xy, xy, [0, 1, 2], ["cat", "dog"], [0, 0, 0], ["pet"])


def test_texts_that_may_not_be_shown_are_nowhere(monkeypatch):
    monkeypatch.setattr(explorer, "headless", lambda: False)
    silent = explorer_of(None)
    assert list(silent.listing(range(30)).columns) == ["parent", "category"]
    assert "text</th>" not in silent._picked(list(range(30)))
