"""A real Chromium without a window, for the tests of the page; skipped where there is none."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
PATIENCE = 400  # seconds; a few are enough on an idle machine


@contextmanager
def chromium(folder: Path, *, width: int = 1000, height: int = 640) -> Iterator[Any]:
    """Start a browser whose profile lies in `folder`."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("Chromium and its driver are not installed (chromium, chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for switch in (*SWITCHES, f"--user-data-dir={folder}", f"--window-size={width},{height}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    browser = webdriver.Chrome(service=service, options=options)
    browser.set_page_load_timeout(PATIENCE)
    browser.set_script_timeout(PATIENCE)
    try:
        yield browser
    finally:
        browser.quit()


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until a condition gives something true; fail after a long time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    pytest.fail("the page did not get there")


def open_page(browser: Any, page: Path) -> str:
    """Load a page and wait until it has drawn or failed; its state."""
    browser.get_log("performance")  # what the browser's own first tab asked for
    browser.get(page.as_uri())
    state = wait_for(
        lambda: browser.execute_script("return document.documentElement.dataset.state")
    )
    return str(state)


def picture_of(browser: Any, selector: str) -> np.ndarray:
    """Give the pixels of an element as shown, (h, w, 3) int.

    The driver waits ten seconds for a picture, which a busy machine may pass: it is asked again.
    """
    from selenium.common.exceptions import TimeoutException

    element = browser.find_element("css selector", selector)

    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)

    def take() -> bytes | None:
        try:
            return bytes(element.screenshot_as_png)
        except TimeoutException:
            return None

    image = Image.open(io.BytesIO(wait_for(take))).convert("RGB")
    return np.asarray(image).astype(int)


def requests_of(browser: Any, page: Path) -> list[str]:
    """List what the browser asked for since the last call, but for the page itself and data."""
    found = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [
        u
        for u in found
        if u != page.as_uri()
        and not u.startswith(("data:", "blob:", "chrome:", "chrome-untrusted:"))
    ]


def printed(browser: Any) -> bytes:
    """Print the page to PDF."""
    answer = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    return base64.b64decode(answer["data"])
