"""JupyterLab on a local port, and Chromium before it, as a person would sit there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Locator, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight too
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(p => p.innerText)"
HAVE_RUN = f"{PROMPTS}.some(p => /\\d/.test(p)) && !{PROMPTS}.includes('[*]:')"
SOFTWARE_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""What Chromium draws maps with where there is no graphics card."""


def chromium() -> str | None:
    """Return where Chromium is installed, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Serve `folder`; yield the address, and stop the server and its kernels at the end.

    Nothing of the person's own Jupyter settings is read or written.
    """
    own = {
        f"JUPYTER_{name}_DIR": str(folder / f".{name.lower()}")
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    for plugin, values in SETTINGS.items():
        path = Path(
            own["JUPYTER_CONFIG_DIR"], "lab", "user-settings", f"{plugin}.jupyterlab-settings"
        )
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    watched = {name: value for name, value in os.environ.items() if name != "DNALIB_HEADLESS"}
    log = folder / "jupyterlab.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ip=127.0.0.1", "--port=0", "--IdentityProvider.token="),
                *("--ServerApp.root_dir=" + str(folder), "--LabApp.extension_manager=readonly"),
            ],
            cwd=folder,
            env=watched | own | {"IPYTHONDIR": str(folder / ".ipython")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _address(server, log)
        finally:
            server.terminate()  # kernels stop with their server
            server.wait(30)


def _address(server: subprocess.Popen, log: Path, patience: float = 60) -> str:
    end = time.monotonic() + patience
    while time.monotonic() < end and server.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        if found:
            try:
                urlopen(f"{found[0]}/api/status").close()
                return found[0]
            except URLError:
                pass  # the address is announced a moment before it answers
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start within {patience:.0f} s:\n{log.read_text()}")


def open_notebook(page: Page, address: str, path: str) -> None:
    """Open a notebook of the server's folder and wait until its kernel is connected."""
    page.goto(f"{address}/lab/tree/{path}?reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    # The page shows a kernel as idle before it can speak to it; the server knows better.
    while not _is_connected(page.request.get(f"{address}/api/sessions").json(), path):
        page.wait_for_timeout(200)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()


def _is_connected(sessions: list[dict], path: str) -> bool:
    kernels = [session["kernel"] for session in sessions if session["path"] == path]
    return any(k["connections"] and k["execution_state"] == "idle" for k in kernels)


def run_all_cells(page: Page, patience: float) -> None:
    """Choose *Run All Cells* from the menu; wait until no cell is running or waiting any more."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(HAVE_RUN, timeout=1000 * patience)


def errors(page: Page) -> list[str]:
    """Return what shows as an error: a traceback, or a widget that cannot be drawn."""
    # JupyterLab marks errors as it marks all that is printed to stderr.
    printed = page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
    failed = [text for text in printed if "Traceback (most recent call last)" in text]
    return failed + page.get_by_text("Error displaying widget").all_inner_texts()


def slider(page: Page, description: str) -> Locator:
    """Return the knob of the slider with that description."""
    row = page.locator(".widget-slider", has=page.get_by_text(description, exact=True))
    return row.locator(".noUi-handle").first
