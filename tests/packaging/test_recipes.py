"""The packages' recipes agree with the project; what is quick to build is built from a stand-in."""

from __future__ import annotations

import importlib.util
import plistlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from skullfix.version import __version__
from skullfix.weights.catalogue import read_catalogue

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"packaging_{name}", PACKAGING / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder laid out like the bundle, whose program prints its arguments."""
    folder = tmp_path / "made" / "skullfix"
    (folder / "_internal").mkdir(parents=True)
    program = folder / "skullfix"
    program.write_text('#!/bin/sh\necho "ran $*"\n')
    program.chmod(0o755)
    for name in ("THIRD_PARTY.md", "LICENCES.txt"):
        (folder / "_internal" / name).write_text(f"{name}\n")
    return folder


def test_conda_asks_for_what_the_wheel_asks_for() -> None:
    recipe = (PACKAGING / "conda" / "meta.yaml").read_text(encoding="utf-8")
    listed = re.search(r"  run:\n((?:    - .*\n)+)", recipe)
    assert listed is not None
    asked = {line.removeprefix("    - ").replace(" ", "") for line in listed[1].splitlines()}
    names = {"torch": "pytorch"}
    wanted = {re.sub(r"^\w+(?=[>])", lambda m: names.get(m[0], m[0]), d.lower())
              for d in PROJECT["dependencies"]}  # fmt: skip
    assert asked - {"python>={{python_min}}"} == wanted


def test_default_weights_are_bundled_and_all_cards() -> None:
    packed = {path.name for path in load("bundled").bundled(ROOT)}
    catalogue = read_catalogue(ROOT / "weights")
    shown = {entry.file for entry in catalogue.entries if entry.default}
    assert {name for name in packed if name.endswith(".safetensors")} == shown
    assert len(shown) == 3  # complete, upscale, refine
    cards = {Path(entry.file).with_suffix(".json").name for entry in catalogue.entries}
    assert packed == shown | cards | {"catalogue.json", "LICENSE.md"}


def test_scripts_are_well_formed() -> None:
    for path in PACKAGING.rglob("*.sh"):
        subprocess.run(["sh", "-n", path], check=True)
        assert path.stat().st_mode & 0o100
    compile((PACKAGING / "skullfix.spec").read_text(encoding="utf-8"), "skullfix.spec", "exec")


def test_the_bundle_leaves_out_nothing_that_the_project_requires() -> None:
    spec = (PACKAGING / "skullfix.spec").read_text(encoding="utf-8")
    unused = re.search(r"UNUSED = \[(.*?)\]", spec, re.DOTALL)
    assert unused is not None
    required = {re.split(r"[^\w-]", d)[0].lower() for d in PROJECT["dependencies"]}
    assert not required & {name.lower() for name in re.findall(r'"(\w+)"', unused[1])}


def test_licences_of_everything_required_are_named_and_collected() -> None:
    licences = load("licences")
    page = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8").lower().replace("_", "-")
    absent = {"skullfix", "setuptools", "zipp"}  # ourselves; not in the bundle
    for line in PROJECT["dependencies"]:
        name = re.split(r"[^\w-]", line)[0].lower()
        for needed, item in licences.requirements(name, {}).items():
            assert needed in page or needed in absent
            assert licences.licence_texts(item), needed


def test_licence_files_of_the_wheel_exist() -> None:
    for name in PROJECT["license-files"]:
        assert (ROOT / name).is_file()
    assert "THIRD_PARTY.md" in PROJECT["license-files"]


def test_citation_is_of_this_version() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == __version__
    assert citation["cff-version"] == "1.2.0"
    assert {"title", "authors", "message", "license"} <= citation.keys()


def test_debian_package_holds_what_it_should(bundle: Path, tmp_path: Path) -> None:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is not installed")
    package = load("debian").make_package(bundle, tmp_path / "out")
    listing = subprocess.run(
        ["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True
    ).stdout
    for path in (
        "./opt/skullfix/skullfix",
        "./usr/bin/skullfix",
        "./usr/share/man/man1/skullfix.1.gz",
        "./usr/share/bash-completion/completions/skullfix",
        "./usr/share/zsh/vendor-completions/_skullfix",
        "./usr/share/fish/vendor_completions.d/skullfix.fish",
        "./usr/share/doc/skullfix/copyright",
    ):
        assert f" {path}\n" in listing
    assert all(line.split()[1] == "root/root" for line in listing.splitlines())
    assert "-rwxr-xr-x root/root" in listing
    assert not re.search(r"^.{5}w|^.{8}w", listing, re.MULTILINE)
    shown = subprocess.run(
        ["dpkg-deb", "--field", package, "Version"], capture_output=True, text=True, check=True
    ).stdout
    assert shown.strip() == __version__.replace(".dev", "~dev")


def test_macos_app_folder_is_laid_out(bundle: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [PACKAGING / "macos" / "make_app.sh", bundle, "1.2"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    contents = tmp_path / done.stdout.strip() / "Contents"
    facts = plistlib.loads((contents / "Info.plist").read_bytes())
    assert facts["CFBundleShortVersionString"] == "1.2"
    assert (contents / "MacOS" / facts["CFBundleExecutable"]).stat().st_mode & 0o100
    assert (contents / "MacOS" / "_internal" / "LICENCES.txt").is_file()
    plistlib.loads((PACKAGING / "macos" / "entitlements.plist").read_bytes())


def test_the_start_program_runs_modules_for_worker_processes(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(
        "import os, sys; print(sys.argv[1:], os.environ['NUMBA_CACHE_DIR'])"
    )
    done = subprocess.run(
        [sys.executable, PACKAGING / "entry.py", "-m", "worker", "a"],
        env={"PYTHONPATH": str(tmp_path), "SKULLFIX_CACHE": str(tmp_path / "c"), "PATH": ""},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == f"['a'] {tmp_path / 'c' / 'kernels'}"


def test_the_windows_installer_takes_the_bundle_of_the_spec() -> None:
    script = (PACKAGING / "windows" / "skullfix.iss").read_text(encoding="utf-8")
    assert (PACKAGING / "windows" / r"..\..\THIRD_PARTY.md".replace("\\", "/")).is_file()
    assert r"SourceDir=..\..\dist\bundle\skullfix" in script
    assert "dist/bundle" in (ROOT / "Makefile").read_text(encoding="utf-8")
