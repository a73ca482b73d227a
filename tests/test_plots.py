"""The figures show what they were given: checked on the artists, without looking."""

import io
from itertools import combinations, pairwise

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from matplotlib import colors as mcolors
from matplotlib.markers import MarkerStyle
from matplotlib.text import Text

from dnalib import plots
from dnalib.methods import METHODS
from dnalib.plots import style

COARSE = ("networkx", "numpy", "pandas", "scikit-learn", "scipy", "torch")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def fake_map(n_categories=40, per_category=8, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_categories), per_category)
    centers = generator.normal(scale=5, size=(n_categories, 2))
    names = [f"sklearn.part_{i}" for i in range(n_categories)]
    return centers[labels] + generator.normal(size=(len(labels), 2)), labels, names


def boxes(fig, texts):
    renderer = fig.canvas.get_renderer()
    # Of an annotation, the words without the line that leads to them.
    return [Text.get_window_extent(text, renderer) for text in texts]


def assert_legible(fig, texts):
    """No text overlaps another and none leaves the figure."""
    fig.canvas.draw()
    found = boxes(fig, texts)
    for i, box in enumerate(found):
        inside = fig.bbox.padded(1)
        assert inside.x0 <= box.x0 and box.x1 <= inside.x1, texts[i].get_text()
        assert inside.y0 <= box.y0 and box.y1 <= inside.y1, texts[i].get_text()
        assert not any(box.padded(-1).overlaps(other.padded(-1)) for other in found[i + 1 :])


def drawn_points(ax):
    return sum(len(collection.get_offsets()) for collection in ax.collections)


def shown(text):
    """What a reader sees of a text; fails where it would be set as a formula."""
    words, is_formula = text._preprocess_math(text.get_text())
    assert not is_formula
    return words


# --- style and colors ----------------------------------------------------------------------------


def test_style_sets_the_common_look():
    with plt.rc_context():
        plots.use_style()
        assert plt.rcParams["axes.spines.top"] is False
        assert plt.rcParams["figure.constrained_layout.use"] is True


def test_a_figure_is_described_by_its_titles_and_axes():
    fig, (left, right) = plt.subplots(1, 2)
    fig.suptitle("It helps.")
    left.set_title("DNA\nwins", loc="left")
    right.set(xlabel="k", ylabel="ACC (%)")
    assert plots.describe(fig) == "It helps. DNA wins. ACC (%) by k."


MONEY = "R$ 50% to $100"


def money_figures():
    xy, labels, _ = fake_map(2)
    names = [MONEY, "cat"]
    dots = pd.DataFrame({"run": names, "method": names, "acc": [1.0, 2.0], "seconds": [1.0, 2.0]})
    categories = pd.DataFrame(
        {"parent": MONEY, "name": names, "size": [3, 2], "stability": [0.9, 0.2]}
    )
    history = pd.DataFrame({"epoch": [1, 2], "acc": [1.0, 2.0]})
    shares = pd.DataFrame({MONEY: [0.5], "b": [0.5]}, index=[(MONEY, "x")])
    shares.index = pd.MultiIndex.from_tuples(shares.index)
    gaps = dots.assign(difference=1.0, low=0.0, high=2.0)
    return {
        "bars": plots.category_bars(categories, title=MONEY),
        "scatter": plots.scatter_map(xy, labels, names, title=MONEY),
        "margin": plots.labeled_map(xy, labels, names, parents=[0, 0], parent_names=[MONEY]),
        "blocks": plots.confusion(labels, labels, names, parents=[0, 1], coarse_names=names),
        "whole": plots.composition(labels, [0, 1], names),
        "dots": plots.score_dots(dots, ["acc"]),
        "time": plots.score_time(dots, references={MONEY: 1.5}),
        "gaps": plots.difference_dots(gaps, against=MONEY),
        "parts": plots.stacked_shares(shares, xlabel="%"),
        "lines": plots.history_curves({MONEY: history}, ["acc"]),
        "boxes": plots.boxes({MONEY: [1, 2, 3]}, xlabel="x"),
        "images": plots.image_rows({MONEY: [np.zeros((3, 3))]}),
        "stairs": plots.histograms({"a": {MONEY: [1, 2, 3]}}, xlabel="x"),
    }


def test_dollar_signs_of_names_and_titles_are_shown_as_they_are():
    for kind, fig in money_figures().items():
        fig.savefig(io.BytesIO())
        texts = [shown(text) for text in fig.findobj(Text)]
        assert any(MONEY in text for text in texts), kind


def test_dollar_signs_are_described_as_they_are():
    fig, ax = plt.subplots()
    plots.style.set_title(ax, MONEY)
    assert plots.describe(fig) == f"{MONEY}."


def test_figures_shown_in_a_notebook_carry_their_description():
    shell = InteractiveShell.instance()
    try:
        with plt.rc_context():
            plots.use_style()
        fig, ax = plt.subplots()
        ax.set_title("Up and up", loc="left")
        data, metadata = shell.display_formatter.format(fig)
        assert data["image/png"].startswith(b"\x89PNG") or data["image/png"].startswith("iVBOR")
        assert metadata["image/png"]["alt"] == "Up and up."
    finally:
        InteractiveShell.clear_instance()


def test_filter_keys_cover_every_combination_in_one_order():
    names = ("rank", "reciprocal", "label")
    for bits in range(8):
        chosen = [name for i, name in enumerate(names) if bits >> i & 1]
        assert plots.filter_key(chosen) in plots.FILTER_COLORS
    assert plots.filter_key(names) == "label+reciprocal+rank"
    assert plots.filter_key(()) == "none"
    with pytest.raises(ValueError, match="'lable' is not a filter"):
        plots.filter_key(["lable"])


def test_fine_colors_are_distinct_shades_within_a_parent():
    parents = np.repeat([0, 1, 2], 6)
    colors = plots.category_colors(18, parents)
    assert len(set(colors)) == 18
    hue = mcolors.rgb_to_hsv([mcolors.to_rgb(color) for color in colors])[:, 0]
    for parent in range(3):
        assert np.ptp(hue[parents == parent]) < 0.02
    assert plots.category_colors(1, [3]) == [plots.OKABE_ITO[3].lower()]


def test_many_shades_of_many_parents_are_all_distinct():
    parents = np.arange(150) // 15
    colors = np.array(plots.category_colors(150, parents))
    assert all(len(set(colors[parents == parent])) == 15 for parent in range(10))
    assert len(set(colors)) == 8 * 15  # then hues repeat and maps change the marker


def test_lines_never_share_a_color():
    names = ["dna", "label+reciprocal", "mine", "embeddings"]
    colors = plots.style.named_colors(names)
    assert colors["dna"] == plots.METHOD_COLORS["dna"]
    assert len(set(colors.values())) == 4


def test_a_method_keeps_its_color_whatever_stands_before_it():
    colors = plots.style.named_colors(["mine", "dna", "embeddings"])
    for method in ("dna", "embeddings"):
        assert colors[method] == plots.METHOD_COLORS[method]
    assert len(set(colors.values())) == 3


# As dichromats see, in linear RGB: Machado, Oliveira and Fernandes, IEEE TVCG 2009, severity 1.
SIGHTS = {
    "all three cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def cielab(color, sight):
    """Return a color's place in CIELAB, where Euclidean distances are what the eye makes of it."""
    rgb = np.array(mcolors.to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ (np.array(sight) @ linear).clip(0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_every_method_has_a_color():
    assert set(METHODS) <= set(plots.METHOD_COLORS)


@pytest.mark.parametrize("sight", SIGHTS)
def test_no_two_methods_look_alike_and_none_like_paper(sight):
    colors = {name: plots.METHOD_COLORS[name] for name in METHODS} | {"paper": "white"}
    places = {name: cielab(color, SIGHTS[sight]) for name, color in colors.items()}
    for one, other in combinations(places, 2):
        # One is what the eye can just tell apart side by side; across a figure it takes ten.
        assert np.linalg.norm(places[one] - places[other]) > 10, (one, other)


@pytest.mark.parametrize("sight", SIGHTS)
def test_shades_of_one_parent_look_like_no_shade_of_another(sight):
    parents = np.repeat(np.arange(8), 9)
    colors = plots.category_colors(len(parents), parents)
    places = np.array([cielab(color, SIGHTS[sight]) for color in colors])
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    assert apart[parents[:, None] != parents].min() > 8


# --- maps ----------------------------------------------------------------------------------------


def test_scatter_map_draws_every_sample_and_names_every_category():
    xy, labels, _ = fake_map(6)
    labels[:3] = -1
    fig = plots.scatter_map(xy, labels, COARSE, title="Libraries")
    ax = fig.axes[0]
    assert drawn_points(ax) == len(xy)
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(COARSE)
    fig.canvas.draw()
    assert legend.get_window_extent().x0 >= ax.get_window_extent().x1


def test_scatter_map_gives_every_category_its_own_look():
    xy, labels, names = fake_map(24)
    fig = plots.scatter_map(xy, labels, names)
    handles = fig.axes[0].get_legend().legend_handles
    assert len({(h.get_color(), h.get_marker()) for h in handles}) == 24
    assert_legible(fig, fig.axes[0].get_legend().get_texts())


def test_scatter_map_leaves_a_legend_of_many_out():
    xy, labels, names = fake_map(40)
    assert plots.scatter_map(xy, labels, names).axes[0].get_legend() is None


def test_scatter_map_draws_into_a_given_axes():
    xy, labels, names = fake_map(3)
    fig, ax = plt.subplots()
    assert plots.scatter_map(xy, labels, names, ax=ax) is fig
    assert len(fig.axes) == 1 and drawn_points(ax) == len(xy)


def test_before_after_shares_one_legend_below_both_maps():
    xy, labels, names = fake_map(18)
    fig = plots.before_after(xy, 2 * xy, labels, names, title="Islands break up")
    assert [drawn_points(ax) for ax in fig.axes] == [len(xy)] * 2
    (legend,) = fig.legends
    fig.canvas.draw()
    assert legend.get_window_extent().y1 <= min(ax.get_window_extent().y0 for ax in fig.axes)
    assert_legible(fig, legend.get_texts())


@pytest.mark.parametrize("n_categories, named", [(1, 1), (40, 40), (150, 60)])
def test_labeled_map_names_categories_without_overlap(n_categories, named):
    xy, labels, names = fake_map(n_categories)
    parents = np.arange(n_categories) % 6
    fig = plots.labeled_map(xy, labels, names, parents=parents, title="What was found")
    texts = fig.axes[0].texts
    assert len(texts) == named
    assert drawn_points(fig.axes[0]) == len(xy)
    assert_legible(fig, texts)
    x0, x1 = fig.axes[0].get_window_extent().intervalx
    assert all(box.x1 <= x0 + 1 or box.x0 >= x1 - 1 for box in boxes(fig, texts))


def test_labeled_map_names_the_largest_and_points_at_their_samples():
    xy, labels, names = fake_map(10)
    labels[labels == 3] = 4
    fig = plots.labeled_map(xy, labels, names, max_labels=1)
    (text,) = fig.axes[0].texts
    assert text.get_text() == names[4]
    assert (xy[labels == 4] == text.xy).all(axis=1).any()


def test_labeled_map_refuses_more_names_than_fit():
    xy, labels, names = fake_map(100)
    with pytest.raises(ValueError, match="100 names are asked for, but a figure"):
        plots.labeled_map(xy, labels, names, max_labels=500)


def test_a_low_map_has_room_for_few_names():
    xy, labels, names = fake_map(4)
    assert len(plots.labeled_map(xy, labels, names, figsize=(8, 4)).axes[0].texts) == 4


@pytest.mark.parametrize("draw", [plots.scatter_map, plots.labeled_map])
def test_maps_name_bad_input(draw):
    xy, labels, names = fake_map(3)
    with pytest.raises(ValueError, match="there are 2 names"):
        draw(xy, labels, names[:2])
    with pytest.raises(ValueError, match="two coordinates and one label per sample"):
        draw(xy[:, :1], labels, names)
    with pytest.raises(ValueError, match="one label per sample"):
        draw(xy, labels[1:], names)


@pytest.mark.slow  # UMAP compiles itself on first use
def test_projection_is_repeatable_and_keeps_blobs_apart():
    generator = np.random.default_rng(0)
    features = np.repeat(np.eye(2, 6), 12, axis=0) + 0.05 * generator.normal(size=(24, 6))
    first, second = (plots.project(features, n_neighbors=5) for _ in range(2))
    assert first.shape == (24, 2)
    np.testing.assert_array_equal(first, second)
    within = np.linalg.norm(first[:12] - first[:12].mean(0), axis=1).mean()
    assert np.linalg.norm(first[:12].mean(0) - first[12:].mean(0)) > 2 * within


def test_projection_needs_rows():
    with pytest.raises(ValueError, match=r"shape \(4, 3\)"):
        plots.project(np.zeros((4, 3)))


@pytest.mark.parametrize("which", ["before_after", "labeled_map"])
def test_legend_of_the_parents(which):
    xy, labels, names = fake_map(12)
    parents = np.arange(12) % 3
    common = {"parents": parents, "parent_names": ["x", "y", "z"]}
    if which == "before_after":
        fig = plots.before_after(xy, xy, labels, names, **common)
    else:
        fig = plots.labeled_map(xy, labels, names, **common)
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == ["x", "y", "z"]
    colors = [handle.get_color().upper() for handle in legend.legend_handles]
    assert colors == list(plots.OKABE_ITO[:3])
    shades = plots.category_colors(12, parents)
    drawn = {mcolors.to_hex(dots.get_facecolor()[0]) for dots in fig.axes[0].collections[1:]}
    assert drawn == set(shades)
    assert_legible(fig, fig.axes[0].texts + list(legend.get_texts()))


@pytest.mark.parametrize("which", ["before_after", "labeled_map"])
def test_more_than_eight_parents_are_told_apart_by_their_markers(which):
    xy, labels, names = fake_map(150, per_category=2)
    parents = np.arange(150) // 15
    common = {"parents": parents, "parent_names": [f"parent {i}" for i in range(10)]}
    if which == "before_after":
        fig = plots.before_after(xy, xy, labels, names, **common)
    else:
        fig = plots.labeled_map(xy, labels, names, **common)
    looks = [(h.get_color(), h.get_marker()) for h in fig.legends[0].legend_handles]
    assert len(set(looks)) == 10
    shapes = [len(dots.get_paths()[0].vertices) for dots in fig.axes[0].collections[1:]]
    markers = [MarkerStyle(marker) for _, marker in looks]
    expected = [len(m.get_path().transformed(m.get_transform()).vertices) for m in markers]
    assert shapes == [expected[parent] for parent in parents]


# --- curves --------------------------------------------------------------------------------------


def histories():
    epoch = np.arange(1, 9)
    full = {"epoch": epoch, "loss": 9.0 - epoch, "acc": 40.0 + epoch, "precision": epoch / 10}
    return {
        "dna": pd.DataFrame(full),
        "coarse-ce": pd.DataFrame(full | {"acc": 39.9 + epoch, "precision": np.nan}),
        "embeddings": pd.DataFrame(full | {"acc": 39.8 + epoch}).drop(columns="precision"),
    }


def test_history_curves_show_each_run_that_has_the_column():
    fig = plots.history_curves(histories(), ["loss", "acc", "precision", "precision"], title="T")
    assert [len(ax.get_lines()) for ax in fig.axes] == [3, 3, 1, 1]
    assert [ax.get_ylabel() for ax in fig.axes][:2] == ["Loss", "ACC (%)"]
    line = fig.axes[1].get_lines()[0]
    np.testing.assert_array_equal(line.get_ydata(), histories()["dna"]["acc"])
    assert line.get_color() == plots.METHOD_COLORS["dna"]
    assert fig.axes[2].yaxis.get_major_formatter()(0.5) == "50%"


def test_history_curves_name_close_lines_without_overlap():
    fig = plots.history_curves(histories(), ["acc"])
    assert {text.get_text() for text in fig.axes[0].texts} == set(histories())
    assert_legible(fig, fig.axes[0].texts)


def test_two_runs_that_coincide_are_both_seen():
    _, history = histories().popitem()
    fig = plots.history_curves({f"run {i}": history for i in range(7)}, ["acc"])
    dashes = [line.get_linestyle() for line in fig.axes[0].get_lines()]
    assert dashes[0] == "-" and "-" not in dashes[1:]
    styles = [plots.style.line_style(position) for position in range(12)]
    assert all(one != other for one, other in pairwise(styles))


def test_history_curves_name_an_unknown_column():
    with pytest.raises(ValueError, match="'recall': the columns are acc, epoch"):
        plots.history_curves(histories(), ["recall"])


def test_band_spans_the_runs_and_line_is_their_mean():
    runs = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    fig = plots.lines_with_band(
        [5, 10, 20], {"dna": runs, "one": runs[0]}, xlabel="k", ylabel="Precision", log_x=True
    )
    (ax,) = fig.axes
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [2.0, 3.0, 5.5])
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == 1.0 and corners[:, 1].max() == 8.0
    assert ax.get_xlabel() == "k\n(bands: lowest to highest run)"
    alone = plots.lines_with_band([5, 10, 20], {"one": runs[0]}, xlabel="k", ylabel="y")
    assert alone.axes[0].get_xlabel() == "k"
    with pytest.raises(ValueError, match="'dna' has 3 values for 2"):
        plots.lines_with_band([1, 2], {"dna": runs}, xlabel="k", ylabel="y")


def test_each_setting_has_a_panel_with_its_values_and_its_default():
    runs = pd.DataFrame(
        {
            "setting": ["k", "k", "k", "m"],
            "value": [70, 35, 35, 5],
            "acc": [80.0, 70.0, 74.0, 81.0],
        }
    )
    fig = plots.setting_curves(
        runs, {"k": 70, "m": 5}, luck=(78.0, 82.0), labels={"k": "Neighbors"}
    )
    first, second = fig.axes
    mean, default = first.get_lines()
    assert mean.get_xdata().tolist() == [35, 70] and mean.get_ydata().tolist() == [72.0, 80.0]
    assert set(default.get_xdata()) == {70}
    assert [first.get_xlabel(), second.get_xlabel()] == ["Neighbors", "m"]
    assert first.get_ylim() == second.get_ylim()
    (band,) = first.patches
    assert (band.get_y(), band.get_height()) == (78.0, 4.0)
    assert fig.get_supxlabel() == "Dotted: the default; gray: scores that seeds alone give"
    assert plots.setting_curves(runs, {"k": 70, "m": 5}).get_supxlabel() == "Dotted: the default"


@settings(deadline=None)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=12), st.floats(0.01, 0.8))
def test_spread_keeps_the_gap_the_order_and_the_bounds(values, gap):
    values = np.array(values)
    placed = plots.curves.spread(values, gap, 0.0, 10.0)
    order = np.argsort(values, kind="stable")
    assert (np.diff(placed[order]) >= gap - 1e-9).all()
    assert placed.min() >= -1e-9 and placed.max() <= 10 + 1e-9
    if len(values) == 1 or np.diff(values[order]).min() >= gap:
        np.testing.assert_allclose(placed, values)


# --- comparisons ---------------------------------------------------------------------------------


def test_filter_bars_show_percent_in_the_order_given():
    frame = pd.DataFrame(
        {
            "filters": ["none", ("reciprocal", "label")],
            "precision": [0.557, 0.792],
            "kept_share": [1.0, 0.4],
        }
    )
    fig = plots.filter_bars(frame, title="Filters buy precision")
    left, right = fig.axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx([55.7, 79.2])
    assert [bar.get_width() for bar in right.patches] == pytest.approx([100, 40])
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["none", "label + reciprocal"]
    assert_legible(fig, [*left.texts, *right.texts])
    with pytest.raises(ValueError, match="no column 'kept_share'"):
        plots.filter_bars(frame.drop(columns="kept_share"))


def test_score_time_averages_seeds_and_names_every_method():
    frame = pd.DataFrame(
        {
            "method": ["embeddings", "dna", "dna", "coarse-ce"],
            "seconds": [20.0, 100.0, 200.0, 150.0],
            "acc": [34.0, 42.0, 44.0, 43.0],
        }
    )
    fig = plots.score_time(frame, title="DNA earns its minutes")
    (ax,) = fig.axes
    np.testing.assert_allclose(ax.collections[0].get_offsets()[1], [150.0, 43.0])
    assert {text.get_text() for text in ax.texts} == {"embeddings", "dna", "coarse-ce"}
    assert_legible(fig, ax.texts)
    with pytest.raises(ValueError, match="seconds go down to 0"):
        plots.score_time(frame.assign(seconds=0.0))


def test_score_time_draws_references():
    frame = pd.DataFrame({"method": ["a", "b"], "seconds": [1.0, 9.0], "acc": [34.0, 42.0]})
    fig = plots.score_time(frame, references={"supervised": 70.0, "chance": 5.0})
    (ax,) = fig.axes
    assert [line.get_ydata()[0] for line in ax.get_lines()] == [70.0, 5.0]
    assert {"supervised", "chance"} <= {text.get_text() for text in ax.texts}
    assert_legible(fig, ax.texts)


def test_composition_cuts_each_bar_by_size():
    fine = np.repeat([0, 1, 2, 4], [3, 5, 2, 1])  # category 3 does not occur
    fig = plots.composition(fine, [0, 0, 1, 1, 1], ["first", "second"], title="Hidden")
    (ax,) = fig.axes
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == [5, 3, 2, 1]
    assert [bar.get_x() for bar in ax.patches] == [0, 5, 0, 2]
    assert [text.get_text() for text in ax.texts] == ["2 fine", "2 fine"]
    assert_legible(fig, ax.texts)
    with pytest.raises(ValueError, match="fine labels run from 0 to 4"):
        plots.composition(fine, [0, 0], ["first"])


def test_confusion_orders_by_parent_and_matches_clusters():
    true = np.repeat(np.arange(4), 5)
    predicted = (true + 1) % 4
    fig = plots.confusion(
        true, predicted, list("abcd"), parents=[1, 0, 1, 0], coarse_names=["zero", "one"]
    )
    ax = fig.axes[0]
    np.testing.assert_allclose(ax.images[0].get_array(), np.eye(4))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b", "d", "a", "c"]
    assert [text.get_text() for text in ax.texts] == ["zero", "one"]


def test_confusion_frames_follow_missing_and_extra_clusters():
    true = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    parents, names = [0, 0, 1, 1], list("abcd")
    fewer = plots.confusion(true, [0, 0, 0, 0, 1, 1, 2, 2], names, parents=parents)
    assert fewer.axes[0].images[0].get_array().shape == (4, 3)
    assert [frame.get_width() for frame in fewer.axes[0].patches] == [1, 2]
    more = plots.confusion(true, [0, 4, 1, 1, 2, 2, 3, 3], names, parents=parents)
    assert more.axes[0].images[0].get_array().shape == (4, 5)
    assert [frame.get_width() for frame in more.axes[0].patches] == [2, 2]


def test_confusion_of_many_names_the_coarse_categories_only():
    true = np.arange(150).repeat(2)
    coarse_names = [f"domain {i}" for i in range(10)]
    fig = plots.confusion(
        true,
        true,
        [f"intent {i}" for i in range(150)],
        parents=np.arange(150) // 15,
        coarse_names=coarse_names,
        title="Perfect",
    )
    ax = fig.axes[0]
    assert len(ax.get_yticks()) == 0
    assert_legible(fig, ax.texts)
    with pytest.raises(ValueError, match="there are 3 names"):
        plots.confusion(true, true, list("abc"))


def found_categories(n, name="cat", parent="pet"):
    sizes, stability = np.arange(n) + 1, np.linspace(0, 1, n)
    return pd.DataFrame({"parent": parent, "name": name, "size": sizes, "stability": stability})


def test_category_bars_show_sizes_under_their_parents_and_hollow_where_shaky():
    frame = pd.DataFrame(
        {
            "parent": ["zoo", "pet", "pet"], "name": ["ape", "cat", "dog"],
            "size": [7, 3, 5], "stability": [0.9, 0.5, 0.6],
        }
    )  # fmt: skip
    fig = plots.category_bars(frame, title="Animals")
    (ax,) = fig.axes
    assert [bar.get_width() for bar in ax.patches] == [5, 3, 7]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["dog", "cat", "ape"]
    assert [text.get_text() for text in ax.texts] == ["pet", "zoo"]
    hollow = [mcolors.to_hex(bar.get_facecolor()) == "#ffffff" for bar in ax.patches]
    assert hollow == [False, True, False]
    assert_legible(fig, [*ax.texts, *ax.get_yticklabels()])


@pytest.mark.filterwarnings("ignore:Glyph")  # the font draws boxes for what it lacks
@pytest.mark.parametrize(
    "long", ["kind words " * 20, "CANNOT LOG IN " * 15, "Ünïcödé" * 30, "機械学習" * 50]
)
def test_category_bars_keep_half_of_the_figure_under_long_names(long):
    fig = plots.category_bars(found_categories(3, name=long, parent=long))
    fig.canvas.draw()
    assert fig.axes[0].get_window_extent().width > fig.bbox.width / 2
    names = [*fig.axes[0].texts, *fig.axes[0].get_yticklabels()]
    letters = 23 if long.startswith("機") else 45
    assert all(letters - 1 <= len(name.get_text()) <= letters for name in names)
    assert all(name.get_text().endswith("…") for name in names)
    assert_legible(fig, names)


def test_category_bars_draw_the_largest_where_all_are_too_many_for_a_picture():
    fig = plots.category_bars(found_categories(2000))
    (ax,) = fig.axes
    assert [bar.get_width() for bar in ax.patches] == list(range(2000, 1600, -1))
    assert ax.get_xlabel().endswith("\nThe largest 400 of 2,000 categories")
    parents = [f"parent {i}" for i in range(2000)]
    worst = plots.category_bars(found_categories(2000, parent=parents))
    assert worst.get_size_inches()[1] * 300 < 2**16  # printed finely


# --- neighbors -----------------------------------------------------------------------------------


def test_lines_on_a_logarithmic_scale_are_named_where_they_are_last_drawn():
    fig = plots.lines_with_band(
        [1, 2, 3], {"a": [1.0, 0.1, 0.0], "b": [1.0, 0.5, 0.01], "c": [1, 0.5, 0.0101]},
        xlabel="m", ylabel="Neighbors kept", log_y=True,
    )  # fmt: skip
    ax = fig.axes[0]
    assert ax.get_yscale() == "log"
    assert_legible(fig, ax.texts)
    heights = {text.get_text(): text.xy[1] for text in ax.texts}
    assert 0 <= heights["b"] < heights["c"] < heights["a"] < 0.7


def test_neighbor_sketch_draws_an_arrow_a_neighbor():
    angles = np.radians([0, 30, 80, 120])
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    indices = np.array([[1, 2], [0, 2], [3, 1], [2, 1]])
    keep = {"all": np.ones((4, 2), bool), "none": np.zeros((4, 2), bool)}
    right = np.eye(4, 2, dtype=bool)
    fig = plots.neighbor_sketch(points, indices, keep, right, "ABCD", [0, 0, 1, 1])
    arrows = [[t.arrow_patch for t in ax.texts if hasattr(t, "arrow_patch")] for ax in fig.axes]
    assert [len(panel) for panel in arrows] == [8, 8]
    colors = [[mcolors.to_hex(a.get_edgecolor()) for a in panel] for panel in arrows]
    blue, vermilion = (c.lower() for c in (plots.OKABE_ITO[0], plots.OKABE_ITO[5]))
    assert (colors[0].count(blue), colors[0].count(vermilion)) == (2, 6)
    assert set(colors[1]) == {plots.GRAY}


def test_neighbor_profile_counts_the_four_outcomes():
    keep, right = [True, True, False, False, True], [True, False, True, False, True]
    fig = plots.neighbor_profile([0.9, 0.8, 0.7, 0.6, 0.5], keep, right)
    assert drawn_points(fig.axes[0]) == 5
    shown = [text.get_text() for text in fig.axes[0].get_legend().get_texts()]
    assert [label[-3:] for label in shown] == ["(2)", "(1)", "(1)", "(1)"]


def test_score_dots_show_the_mean_and_the_range_of_each_run():
    frame = pd.DataFrame({"run": ["a", "a", "b"], "acc": [40.0, 44.0, 50.0]})
    fig = plots.score_dots(frame, ("acc",), title="b is best")
    lines, dots = fig.axes[0].collections
    assert dots.get_offsets().tolist() == [[42.0, 0.0], [50.0, 1.0]]
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [[40, 44], [50, 50]]
    assert fig.get_supxlabel() == "Dots: means; lines: from the worst to the best seed"
    assert plots.score_dots(frame.drop(0), ("acc",)).get_supxlabel() == ""
    with pytest.raises(ValueError, match="no column 'nmi'"):
        plots.score_dots(frame, ("nmi",))


# --- theory --------------------------------------------------------------------------------------


def on_circle(*degrees):
    angle = np.deg2rad(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_sketch_puts_the_center_at_the_mean_of_the_positives():
    fig = plots.neighborhood_sketch(on_circle(0)[0], on_circle(60, 120), on_circle(180, 270))
    lines = {line.get_label(): line.get_xydata() for line in fig.axes[0].get_lines()}
    np.testing.assert_allclose(lines[r"their center $\bar h$"], [[0, np.sqrt(3) / 2]], atol=1e-12)
    np.testing.assert_allclose(lines["$q-\\bar h$"], [[1, 0], [0, np.sqrt(3) / 2]], atol=1e-12)
    assert len(lines["positives $h_p$"]) == len(lines["other keys"]) == 2


def test_fields_share_one_scale_and_stay_inside():
    queries = on_circle(0, 90, 180)
    fields = {"short": 0.5 * queries, "long": 3 * queries}
    fig = plots.circle_fields(queries, fields, on_circle(30), on_circle(200))
    arrows = [ax.collections[-1] for ax in fig.axes]
    lengths = [np.hypot(arrow.U, arrow.V) for arrow in arrows]
    np.testing.assert_allclose(lengths[1], 6 * lengths[0])
    tips = queries + np.stack([arrows[1].U, arrows[1].V], axis=1)
    assert np.abs(tips).max() < fig.axes[1].get_xlim()[1]


def test_spokes_join_every_point_to_its_center():
    points = on_circle(0, 90, 180, 270)
    fig = plots.spokes(points, {"own": points, "origin": 0 * points}, [0, 0, 1, 1])
    spokes = [line.get_xydata() for line in fig.axes[1].get_lines() if len(line.get_xdata()) == 2]
    np.testing.assert_array_equal([spoke[0] for spoke in spokes], points)
    np.testing.assert_array_equal([spoke[1] for spoke in spokes], 0 * points)


def test_against_draws_the_samples_and_the_line_of_equality():
    x = np.linspace(1, 3, 20)
    fig = plots.against(x, {"L": x + 1, "bound": x}, xlabel="x", ylabel="y", line="floor")
    ax = fig.axes[0]
    assert drawn_points(ax) == 40
    np.testing.assert_array_equal(ax.get_lines()[0].get_xydata(), [[1, 1], [3, 3]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["L", "bound", "floor"]


def test_boxes_leave_missing_values_out():
    series = {"none": [1, 2, 3, np.nan], "label+reciprocal": [0, 1, 2, 3]}
    fig = plots.boxes(series, xlabel="shift")
    ax = fig.axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["none", "label + reciprocal"]
    assert (
        mcolors.to_hex(ax.patches[1].get_facecolor()).upper()
        == plots.FILTER_COLORS["label+reciprocal"]
    )
    medians = [line.get_xdata()[0] for line in ax.get_lines() if line.get_color() == "white"]
    assert medians == [2, 1.5]


def test_boxes_of_negative_values_are_drawn_whole():
    fig = plots.boxes({"a": np.linspace(-5, -1, 50), "b": np.linspace(0, 1, 50)}, xlabel="x")
    assert fig.axes[0].get_xlim()[0] < -4.8
    assert plots.boxes({"b": [0.5, 1]}, xlabel="x").axes[0].get_xlim()[0] == 0


def test_every_term_of_a_loss_is_drawn():
    angles = np.arange(-180.0, 181.0, 90.0)
    terms = {f"term {i}": angles for i in range(9)}
    fig = plots.loss_around(angles, terms, 0.0, [0, 0.3], on_circle(20, 40), on_circle(200))
    _, labels = fig.axes[1].get_legend_handles_labels()
    assert labels == list(terms)


def test_long_titles_are_wrapped_into_the_figure():
    xy, labels, names = fake_map(3)
    fig = plots.scatter_map(xy, labels, names, title="A finding that takes many words " * 4)
    assert_legible(fig, [fig.axes[0]._left_title])


# --- images --------------------------------------------------------------------------------------


def test_image_rows_draw_every_image_and_frame_the_wrong_ones_thicker():
    images = np.random.default_rng(0).random((4, 8, 8))
    rows = {"query 1": images, "query 2": images[:2], "color": np.stack([images] * 3, -1)}
    fig = plots.image_rows(rows, right={"query 1": [None, True, False, True]}, title="Found")
    drawn = [ax for ax in fig.axes if ax.images]
    assert len(drawn) == 10
    np.testing.assert_array_equal(drawn[1].images[0].get_array(), images[1])
    widths = [ax.spines["top"].get_linewidth() for ax in drawn[1:4]]
    assert widths[1] > widths[0] == widths[2]
    assert not drawn[0].spines["top"].get_visible()
    fig.canvas.draw()
    names = [ax.yaxis.label for ax in fig.axes if ax.get_ylabel()]
    assert [name.get_text() for name in names] == list(rows)
    assert_legible(fig, names)


def test_histograms_share_their_edges_and_hold_all_pairs():
    rng = np.random.default_rng(0)
    panels = {
        name: {"same": rng.normal(size=50), "other": rng.normal(size=20)} for name in ("a", "b")
    }
    fig = plots.histograms(panels, xlabel="Cosine", title="Two ways", bins=7)
    stairs = [[patch.get_data() for patch in ax.patches] for ax in fig.axes]
    assert len(stairs) == 2 and all(len(panel) == 2 for panel in stairs)
    for data in (data for panel in stairs for data in panel):
        assert data.values.sum() == pytest.approx(100)
        np.testing.assert_array_equal(data.edges, stairs[0][0].edges)


def test_histograms_draw_every_quantity_or_refuse():
    panel = {f"q{i}": np.arange(10) for i in range(7)}
    fig = plots.histograms({"a": panel, "b": panel}, xlabel="x")
    looks = {(str(p.get_edgecolor()), str(p.get_linestyle())) for p in fig.axes[0].patches}
    assert len(looks) == 7
    with pytest.raises(ValueError, match="8 quantities, but at most 7 can be told apart"):
        plots.histograms({"a": panel, "b": panel | {"q7": [1]}}, xlabel="x")


def test_histograms_leave_room_between_the_numbers_below_them():
    values = np.linspace(-0.5, 1, 50)
    fig = plots.histograms({"a": {"q": values}, "b": {"q": values}}, xlabel="Cosine")
    fig.canvas.draw()
    for ax in fig.axes:
        left, right = ax.get_xlim()
        ticks = [tick for tick in ax.get_xticklabels() if left <= tick.get_position()[0] <= right]
        edges = [tick.get_window_extent().intervalx for tick in ticks]
        assert all(second[0] - first[1] > 8 for first, second in pairwise(edges))


def test_image_rows_need_a_frame_an_image():
    with pytest.raises(ValueError, match="'a' has 3 images, but `right` says 1 times"):
        plots.image_rows({"a": np.zeros((3, 2, 2))}, right={"a": [True]})


# --- backgrounds ---------------------------------------------------------------------------------


def test_two_colorings_draw_each_map_once_for_every_set_of_labels():
    xy, labels, names = fake_map(10, per_category=6)
    fig = plots.two_colorings(
        {"one": xy, "two": 2 * xy},
        {"digit": (labels, names), "stripes": (labels % 2, ["across", "along"])},
    )
    assert [drawn_points(ax) for ax in fig.axes] == [60] * 4
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles[1:3] == ["one, colored by stripes", "two, colored by digit"]
    legends = [ax.get_legend() for ax in fig.axes]
    assert legends[:2] == [None, None]
    assert [len(legend.get_texts()) for legend in legends[2:]] == [10, 2]
    for legend in legends[2:]:
        assert_legible(fig, legend.get_texts())
    drawn = [points for points in fig.axes[2].collections if len(points.get_offsets())]
    colors = {mcolors.to_hex(points.get_facecolor()[0]) for points in drawn}
    handles = {mcolors.to_hex(handle.get_color()) for handle in legends[2].legend_handles}
    assert colors == handles


def test_score_bars_show_mean_and_range_of_every_method_and_dataset():
    rows = [
        {"dataset": d, "method": m, "seed": s, "object_acc": base + 10 * s, "leak_acc": 5.0}
        for d, base in (("x", 20), ("y", 40))
        for m in ("pixels", "cpca")
        for s in (0, 1)
    ]
    scores = {"object_acc": "Objects (ACC, %)", "leak_acc": "Leak (ACC, %)"}
    fig = plots.score_bars(
        pd.DataFrame(rows), scores, names={"cpca": "cPCA"}, references={"leak_acc": {"y": 25.0}}
    )
    assert [ax.get_xlabel() for ax in fig.axes] == ["", "", *scores.values()]
    lower = fig.axes[2]
    assert [bar.get_width() for bar in lower.patches] == [45, 45]
    np.testing.assert_array_equal(lower.collections[0].get_segments()[0][:, 0], [40, 50])
    assert [text.get_text() for text in lower.get_yticklabels()] == ["pixels", "cPCA"]
    assert len(fig.axes[3].get_lines()) == 1 and not fig.axes[1].get_lines()
    assert fig.get_supxlabel() == "Bars: means; lines: from the worst to the best seed"
    one_seed = pd.DataFrame(rows).query("seed == 0")
    assert plots.score_bars(one_seed, scores).get_supxlabel() == ""
    fig.canvas.draw()
    last, first = fig.axes[2].get_xticklabels()[-1], fig.axes[3].get_xticklabels()[0]
    assert first.get_window_extent().x0 - last.get_window_extent().x1 > 8
    with pytest.raises(ValueError, match="no column 'object_acc'"):
        plots.score_bars(pd.DataFrame(rows).drop(columns="object_acc"), scores)


def test_differences_are_drawn_with_their_intervals():
    frame = pd.DataFrame(
        {"method": ["dna", "star"], "difference": [4.0, -1.0], "low": [2, -3], "high": [6, 1]}
    )
    (ax,) = plots.difference_dots(frame, against="embeddings").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["dna", "star"]
    spans = [segment[:, 0].tolist() for segment in ax.collections[0].get_segments()]
    assert spans == [[2, 6], [-3, 1]]
    assert ax.get_xlabel() == "ACC less that of embeddings (points; lines: 95 % intervals)"
    (ax,) = plots.difference_dots(frame.assign(baseline=["coarse-ce", "down"])).axes
    assert ax.get_yticklabels()[1].get_text() == "star less down"
    assert ax.get_xlabel() == "ACC less that of its baseline (points; lines: 95 % intervals)"
    with pytest.raises(ValueError, match="no column 'baseline'"):
        plots.difference_dots(frame)


def test_stacked_shares_cut_every_bar_at_its_parts():
    index = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")])
    frame = pd.DataFrame({"right": [0.5, 0.25, 1.0], "wrong": [0.5, 0.75, 0.0]}, index=index)
    fig = plots.stacked_shares(frame, xlabel="Share (%)", title="b is right")
    (ax,) = fig.axes
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == [50, 25, 100, 50, 75, 0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a: x", "a: y", "b: x"]
    with pytest.raises(ValueError, match=r"\('a', 'y'\) add up to 1.25"):
        plots.stacked_shares(frame.assign(right=[0.5, 0.5, 1.0]), xlabel="Share (%)")
    many = pd.DataFrame(np.full((1, 9), 1 / 9), index=index[:1])
    with pytest.raises(ValueError, match="9 parts, but at most 8 can be told apart"):
        plots.stacked_shares(many, xlabel="Share (%)")


@pytest.mark.parametrize("color", sorted({*plots.METHOD_COLORS.values(), *plots.OKABE_ITO}))
def test_names_in_a_color_can_be_read_on_white(color):
    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    readable, given = (mcolors.to_rgb(each) for each in (style.readable(color), color))
    assert 1.05 / (luminance(readable) + 0.05) >= 4.45  # after rounding to a byte
    if 1.05 / (luminance(given) + 0.05) >= 4.5:
        assert mcolors.to_hex(given) == style.readable(color)
