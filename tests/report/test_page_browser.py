"""The report in a real browser: it draws, obeys switches and keys, asks for nothing, prints."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium, open_page, picture_of, printed, requests_of, wait_for

from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.meshes.surface import mask_surface
from skullfix.report.content import Content, Measure, ReportLayer, Section
from skullfix.report.drawing import draw_report
from skullfix.report.page import write_report
from skullfix.report.preview import IMPLANT, IVORY, contact_sheet, implant_scene


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of the phantom on a coarse grid."""
    patient = head_phantom(spacing=(2.5, 2.5, 2.5))
    bone = Volume(patient.bone.array & ~patient.implant.array, patient.bone.geometry)
    scene = implant_scene(bone, patient.implant)
    content = Content(
        "Cranial implant",
        "case <7> & more",
        "A sentence.",
        (Measure("Volume", "35.1 ml", "1 piece"), Measure("Gap", "0.53 mm", alert=True)),
        (Section("Measures", [("Rim", "267 mm")]),),
        warnings=("Look at the rim.",),
        footer="skullfix",
    )
    layers = (
        ReportLayer("Skull", IVORY, (0,)),
        ReportLayer("Implant", IMPLANT, (1,), mesh=mask_surface(patient.implant), target=True),
        ReportLayer("Completed skull", (150, 190, 150), (0, 1), shown=False),
    )
    path = tmp_path_factory.mktemp("page") / "case_report.html"
    sheet = contact_sheet(scene, tile=120)
    return write_report(content, draw_report(scene, layers, sheet, scan=patient.ct), path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, page: Path) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        assert open_page(running, page) == "ready"
        yield running


def share(picture: np.ndarray, kind: str) -> float:
    """Share of the pixels that are blue or ivory."""
    red, blue = picture[..., 0], picture[..., 2]
    chosen = (blue > red + 40) & (blue > 70) if kind == "blue" else (red > blue + 12) & (red > 70)
    return float(chosen.mean())


def changed(browser: Any, selector: str, before: np.ndarray) -> np.ndarray:
    """Wait until an element looks different."""

    def look() -> Any:
        after = picture_of(browser, selector)
        return (after,) if np.abs(after - before).max() > 40 else None

    return wait_for(look)[0]


def test_it_draws_without_errors_and_asks_for_nothing(browser: Any, page: Path) -> None:
    solid, slices = picture_of(browser, "#solid"), picture_of(browser, "#slices")
    assert share(solid, "blue") > 0.01
    assert share(solid, "ivory") > 0.05
    assert share(slices, "blue") > 0.002
    assert share(slices, "ivory") > 0.002
    assert slices.std() > 10
    assert requests_of(browser, page) == []
    faults = [e for e in browser.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]
    assert faults == []
    assert browser.find_element("css selector", "h1").text == "case <7> & more"


@pytest.mark.parametrize(("layer", "kind"), [(0, "ivory"), (1, "blue")])
def test_switches_change_both_pictures(browser: Any, layer: int, kind: str) -> None:
    box = browser.find_element("css selector", f"[data-layer='{layer}']")
    for pane in ("#solid", "#slices"):
        before = picture_of(browser, pane)
        box.click()
        off = changed(browser, pane, before)
        assert share(off, kind) < 0.6 * share(before, kind)
        box.click()
        assert np.abs(changed(browser, pane, off) - before).mean() < 2


def test_the_completed_skull_is_unpacked_when_asked_for(browser: Any) -> None:
    box = browser.find_element("css selector", "[data-layer='2']")
    before = picture_of(browser, "#slices")
    box.click()
    after = changed(browser, "#slices", before)
    box.click()
    assert np.abs(changed(browser, "#slices", after) - before).mean() < 2


def test_the_scan_can_be_hidden_and_one_plane_enlarged(browser: Any) -> None:
    before = picture_of(browser, "#slices")
    browser.find_element("css selector", "#ground").click()
    hidden = changed(browser, "#slices", before)
    browser.find_element("css selector", "#ground").click()
    back = changed(browser, "#slices", hidden)
    button = browser.find_element("css selector", "[data-plane='axial']")
    button.click()
    axial = changed(browser, "#slices", back)
    assert button.get_attribute("aria-pressed") == "true"
    browser.find_element("css selector", "[data-plane='all']").click()
    changed(browser, "#slices", axial)
    assert button.get_attribute("aria-pressed") == "false"


def test_flying_in_makes_the_implant_larger(browser: Any) -> None:
    before = share(picture_of(browser, "#solid"), "blue")
    browser.find_element("css selector", "#fly").click()
    wait_for(lambda: share(picture_of(browser, "#solid"), "blue") > 1.5 * before)
    browser.find_element("css selector", "[data-view='front']").click()
    wait_for(lambda: share(picture_of(browser, "#solid"), "blue") < before)


def test_everything_is_reached_by_the_keyboard(browser: Any) -> None:
    keys = pytest.importorskip("selenium.webdriver").Keys
    body = browser.find_element("css selector", "body")
    body.click()
    browser.execute_script("document.activeElement.blur()")
    seen = []
    for _ in range(30):
        browser.switch_to.active_element.send_keys(keys.TAB)
        seen.append(
            browser.execute_script(
                "const e = document.activeElement; return e.id || e.className || e.tagName"
            )
        )
    assert {"skip", "ground", "layer", "fly", "view", "plane", "solid", "slices"} <= set(seen)
    for pane, key in (("#solid", keys.ARROW_LEFT), ("#solid", "+"), ("#slices", keys.ARROW_UP)):
        before = picture_of(browser, pane)
        for _ in range(4):
            browser.find_element("css selector", pane).send_keys(key)
        changed(browser, pane, before)


def test_a_narrow_window_stacks_the_panes(browser: Any) -> None:
    phone = {"width": 480, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    script = (
        "const [a, b] = ['solid', 'slices'].map(i => document.getElementById(i)"
        ".getBoundingClientRect()); return [b.top > a.bottom, document.body.scrollWidth,"
        " innerWidth]"
    )
    stacked, width, window = wait_for(
        lambda: (r := browser.execute_script(script)) and (r if r[0] else None)
    )
    assert stacked
    assert width <= window
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_paper_has_the_measures(browser: Any, tmp_path: Path) -> None:
    pdf = tmp_path / "page.pdf"
    pdf.write_bytes(printed(browser))
    assert pdf.read_bytes().startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    done = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True)
    for words in ("35.1 ml", "0.53 mm", "267 mm", "Look at the rim.", "Not a medical device"):
        assert words in done.stdout, words
    assert "Fly in" not in done.stdout


def test_without_webgl_the_still_pictures_are_shown(page: Path, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.execute_cdp_cmd(
            "Page.addScriptToEvaluateOnNewDocument",
            {"source": "HTMLCanvasElement.prototype.getContext = () => null;"},
        )
        assert open_page(browser, page) == "failed"
        assert "cannot draw in 3D" in browser.find_element("css selector", "#failure").text
        assert browser.find_element("css selector", "#still img").is_displayed()
