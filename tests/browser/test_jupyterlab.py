"""A person's first minutes: open a notebook in JupyterLab, run all cells, move and pick things."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import sync_playwright

from tests.browser.lab import (
    SOFTWARE_WEBGL,
    chromium,
    errors,
    jupyterlab,
    open_notebook,
    run_all_cells,
    slider,
)

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
OWN = {
    "failing": ["1 / 0", "print('never reached')"],
    "explorer": [
        """\
import numpy as np

from dnalib.widgets import EmbeddingExplorer

rng = np.random.default_rng(0)
labels = np.arange(300) % 3
texts = [f"text {i}" for i in range(300)]
maps = rng.normal(size=(2, 300, 2))
EmbeddingExplorer(*maps, labels, ["cat", "dog", "ant"], labels // 2, ["pet", "pest"], texts).show()
"""
    ],
}
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        chromium() is None, reason="Chromium is not installed: apt-get install chromium"
    ),
]


def forget_outputs(path):
    """Take what the repository keeps out of a notebook: what shows then, the test has made."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS, folder / "notebooks")
    for path in (folder / "notebooks").glob("*.ipynb"):
        forget_outputs(path)
    for name, cells in OWN.items():
        notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata=KERNEL)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with jupyterlab(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=SOFTWARE_WEBGL)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    with browser.new_page(viewport={"width": 1400, "height": 900}) as page:
        page.set_default_timeout(60_000)
        yield page


def test_an_error_is_seen(page, address):
    open_notebook(page, address, "failing.ipynb")
    run_all_cells(page, patience=60)
    assert "ZeroDivisionError" in errors(page)[0]


def test_the_quickstart_runs_and_shows_its_figures(page, address):
    open_notebook(page, address, "notebooks/00_quickstart.ipynb")
    run_all_cells(page, patience=500)
    assert errors(page) == []
    pictures = page.locator(".jp-RenderedImage img")
    assert pictures.count() == 3
    assert all(picture.evaluate("image => image.naturalWidth") > 300 for picture in pictures.all())


def test_a_slider_of_the_playground_draws_its_figure_anew(page, address):
    open_notebook(page, address, "notebooks/03_neighbor_filtering.ipynb")
    run_all_cells(page, patience=500)
    assert errors(page) == []
    figure = page.locator(".widget-html img")
    before = figure.get_attribute("src")
    slider(page, "k").press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('.widget-html img').src !== before", arg=before
    )
    assert figure.get_attribute("alt").startswith("All texts. One of ")
    assert figure.evaluate("image => image.naturalWidth") > 300
    assert errors(page) == []


def test_the_lasso_of_the_explorer_lists_texts(page, address):
    open_notebook(page, address, "explorer.ipynb")
    run_all_cells(page, patience=500)
    assert errors(page) == []
    page.get_by_title("Activate lasso selection").first.click()
    box = page.locator(".jp-OutputArea canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 50, y - 50)
    page.mouse.down()
    for to_x, to_y in ((50, -50), (50, 50), (-50, 50), (-50, -45)):
        page.mouse.move(x + to_x, y + to_y, steps=10)
    page.mouse.up()
    listed = page.locator(".widget-html table")
    listed.wait_for()
    assert listed.locator("tbody tr").count() == 20
    assert (
        "text " in listed.inner_text()
        and "picked" in page.locator(".widget-html").last.inner_text()
    )
