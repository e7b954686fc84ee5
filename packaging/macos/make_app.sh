#!/bin/sh
# make_app.sh BUNDLE VERSION: put the bundle into dist/skullfix.app (macOS). Not run by the tests.
#
# An app folder is what Gatekeeper signs and notarises; opened in the Finder it starts a terminal
# with the help page, and /Applications/skullfix.app/Contents/MacOS/skullfix is the command.
set -eu
bundle="$1"
version="$2"
app="dist/skullfix.app"

rm -rf "$app"
mkdir -p "$app/Contents/MacOS" "$app/Contents/Resources"
cp -R "$bundle/." "$app/Contents/MacOS/"
cat > "$app/Contents/MacOS/open-terminal" <<'LAUNCHER'
#!/bin/sh
here="$(cd "$(dirname "$0")" && pwd)"
script="$(mktemp -d)/skullfix.command"
printf '#!/bin/sh\nexport PATH="%s:$PATH"\nskullfix --help\nexec "$SHELL" -l\n' "$here" > "$script"
chmod +x "$script"
exec open -a Terminal "$script"
LAUNCHER
chmod +x "$app/Contents/MacOS/open-terminal"
cat > "$app/Contents/Info.plist" <<PLIST
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>CFBundleIdentifier</key><string>org.skullfix.skullfix</string>
  <key>CFBundleName</key><string>skullfix</string>
  <key>CFBundleExecutable</key><string>open-terminal</string>
  <key>CFBundlePackageType</key><string>APPL</string>
  <key>CFBundleShortVersionString</key><string>$version</string>
  <key>LSMinimumSystemVersion</key><string>12.0</string>
</dict>
</plist>
PLIST
echo "$app"
