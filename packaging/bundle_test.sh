#!/bin/sh
# bundle_test.sh BUNDLE [PACKAGE.deb]: run the desktop bundle as a stranger's machine would, then
# install, run and remove the Debian package (as root, where dpkg is).
#
# The environment is empty, PATH holds no Python, the bundle cannot be written to, and the home
# folder has a blank and letters beyond ASCII in its path.
set -eu

bundle="$(cd "$1" && pwd)"
place="$(mktemp -d)"
bin="$place/bin"
home="$place/Frau Müller"
trap 'chmod -R u+w "$place"; rm -rf "$place"' EXIT
mkdir "$bin" "$home"
for tool in sh env cat ls uname; do ln -s "$(command -v "$tool")" "$bin/$tool"; done
chmod 755 "$place"

# root may write anywhere, so a root shell hands the work to nobody
as=""
if [ "$(id -u)" = 0 ]; then
    chown 65534:65534 "$home"
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
alone() { (cd "$home" && $as env -i PATH="$bin" HOME="$home" "$@"); }
say() { printf '%s\n' "$*"; }

copy="$place/installed here"
cp -a "$bundle" "$copy"
chmod -R a-w,a+rX "$copy"
program="$copy/skullfix"

alone "$program" --version
started="$(date +%s%N)"
alone "$program" --help > /dev/null
say "help after $((($(date +%s%N) - started) / 1000000)) ms"
if alone "$bin/sh" -c 'command -v python3 || command -v python'; then
    say "Python is on PATH: this shows nothing"; exit 1
fi

alone "$program" demo -o "$home/first run" > "$place/demo.txt" 2> "$place/demo.err" || { cat "$place/demo.err"; exit 1; }
grep -q "first run: cpu" "$place/demo.err" || { say "the first run did not say so"; exit 1; }
tail -n 1 "$place/demo.txt"
cp "$home/first run/phantom.nrrd" "$home/Schädel.nrrd"
alone "$program" complete "$home/Schädel.nrrd" 2> "$place/second.err" || { cat "$place/second.err"; exit 1; }
if grep -q "first run" "$place/second.err"; then say "kernels were compiled twice"; exit 1; fi
alone "$program" info
for file in Schädel_complete.nrrd Schädel_implant.nrrd Schädel_implant.stl Schädel_report.html; do
    test -s "$home/$file" || { say "$file is missing"; exit 1; }
done
cmp "$home/Schädel_implant.nrrd" "$home/first run/phantom_implant.nrrd"
test -z "$(find "$copy" -newer "$place/demo.txt" -type f)" || { say "the bundle wrote into itself"; exit 1; }
say "bundle: $(du -sm "$copy" | cut -f 1) MB, works"

package="${2:-}"
if [ -z "$package" ] || [ "$(id -u)" != 0 ]; then
    say "no Debian package tried: none was given, or this is not root"; exit 0
fi
dpkg --install "$package"
alone /usr/bin/skullfix --version
alone /usr/bin/skullfix complete "$home/Schädel.nrrd" --overwrite --quiet
man -w skullfix > /dev/null 2>&1 || test -s /usr/share/man/man1/skullfix.1.gz
test -s /usr/share/bash-completion/completions/skullfix
dpkg --remove skullfix
for left in /opt/skullfix /usr/bin/skullfix /usr/share/man/man1/skullfix.1.gz; do
    test ! -e "$left" || { say "$left was left behind"; exit 1; }
done
say "package: $(du -m "$package" | cut -f 1) MB, installed, run and removed"
