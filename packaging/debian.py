"""Make the Debian package of the desktop bundle: ``debian.py BUNDLE OUTPUT_FOLDER``.

The bundle goes to /opt/skullfix, a launcher to /usr/bin, with the manual page and the completions
of bash, zsh and fish. Nothing runs at installation and nothing is written there afterwards, so
dpkg removes all of it. Needs dpkg-deb; prints the package's path.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from skullfix.cli.completion import Shell, script
from skullfix.cli.manual import manual_page
from skullfix.version import __version__

COMPLETIONS = {
    Shell.BASH: "usr/share/bash-completion/completions/skullfix",
    Shell.ZSH: "usr/share/zsh/vendor-completions/_skullfix",
    Shell.FISH: "usr/share/fish/vendor_completions.d/skullfix.fish",
}
CONTROL = """Package: skullfix
Version: {version}
Architecture: {architecture}
Maintainer: The skullfix maintainers <skullfix@localhost>
Installed-Size: {kilobytes}
Depends: libc6 (>= 2.28), libstdc++6
Section: science
Priority: optional
Description: completed skulls and printable cranial implants from a head CT
 skullfix completes a defective skull with a sparse convolutional network and writes the
 implant as mask and printable mesh. It needs neither Python nor a GPU nor a network.
 .
 Research use only; not a medical device. The bundled weights are CC BY-NC-SA 4.0.
"""


def make_package(bundle: Path, output: Path) -> Path:
    """Lay the files out below a temporary folder and pack them."""
    architecture = said("dpkg", "--print-architecture")
    version = __version__.replace(".dev", "~dev")
    output.mkdir(parents=True, exist_ok=True)
    package = output / f"skullfix_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory(dir=output) as folder:
        root = Path(folder)
        root.chmod(0o755)
        shutil.copytree(bundle, root / "opt" / "skullfix", symlinks=True)
        put(
            root / "usr/share/man/man1/skullfix.1.gz",
            gzip.compress(manual_page().encode(), mtime=0),
        )
        for shell, place in COMPLETIONS.items():
            put(root / place, f"{script(shell)}\n".encode())
        put(root / "usr/share/doc/skullfix/copyright", (bundle_file(bundle, "THIRD_PARTY.md")))
        launcher = root / "usr" / "bin" / "skullfix"
        put(launcher, b'#!/bin/sh\nexec /opt/skullfix/skullfix "$@"\n')
        readable(root)
        launcher.chmod(0o755)
        size = sum(p.stat().st_size for p in root.rglob("*") if p.is_file() and not p.is_symlink())
        control = CONTROL.format(
            version=version, architecture=architecture, kilobytes=-(-size // 1024)
        )
        put(root / "DEBIAN" / "control", control.encode())
        said("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(root), str(package))
    return package


def bundle_file(bundle: Path, name: str) -> bytes:
    """Read one of the bundle's own texts, wherever PyInstaller put it."""
    return next(bundle.rglob(name)).read_bytes()


def put(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def readable(root: Path) -> None:
    """Let everybody read, and nobody but root write."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def said(*words: str) -> str:
    """Run a command and return what it printed."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    print(make_package(Path(sys.argv[1]), Path(sys.argv[2])))
