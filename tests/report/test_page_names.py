from __future__ import annotations

from pathlib import Path

from skullfix.images.phantom import head_phantom
from skullfix.images.volume import Volume
from skullfix.report.content import Content, Measure, ReportLayer, Section
from skullfix.report.drawing import draw_report
from skullfix.report.page import write_report
from skullfix.report.preview import IVORY, contact_sheet, implant_scene


def test_a_name_that_is_no_utf8_is_shown_escaped(tmp_path: Path) -> None:
    patient = head_phantom(spacing=(5.0, 5.0, 5.0))
    bone = Volume(patient.bone.array & ~patient.implant.array, patient.bone.geometry)
    scene = implant_scene(bone, patient.implant)
    measures, sections = (Measure("Volume", "35.1 ml"),), (Section("Measures", [("Rim", "1 mm")]),)
    content = Content("Implant", "case \udcffbad é", "A sentence.", measures, sections)
    layers = (ReportLayer("Skull", IVORY, (0,)),)
    drawing = draw_report(scene, layers, contact_sheet(scene, tile=60))
    path = write_report(content, drawing, tmp_path / "page.html")
    assert r"case \udcffbad é" in path.read_text(encoding="utf-8")
