; Inno Setup 6 script of the Windows installer. Not built by this project's tests.
;
;   1. On Windows, in an environment with torch for the CPU and PyInstaller:
;          pyinstaller --noconfirm --distpath dist\bundle --workpath build\bundle packaging\skullfix.spec
;   2. iscc /DVersion=0.1.0 packaging\windows\skullfix.iss
;   3. Sign dist\skullfix-VERSION-setup.exe with signtool before it is handed out.
;
; Paths of [Setup] are relative to SourceDir, the bundle.
; The program folder is never written to: kernels and downloads go to %LOCALAPPDATA%\skullfix.

#ifndef Version
  #define Version "0.1.0"
#endif

[Setup]
AppId={{6E0B4B5D-6E6B-4B0E-9B0C-3C1F9E7C5A21}
AppName=skullfix
AppVersion={#Version}
AppPublisher=The skullfix maintainers
AppComments=Research use only. Not a medical device.
DefaultDirName={autopf}\skullfix
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
PrivilegesRequiredOverridesAllowed=dialog
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
LicenseFile=..\..\..\THIRD_PARTY.md
SourceDir=..\..\dist\bundle\skullfix
OutputDir=..\..
OutputBaseFilename=skullfix-{#Version}-setup
Compression=lzma2/max
SolidCompression=yes
ChangesEnvironment=yes
UninstallDisplayName=skullfix {#Version}

[Files]
Source: "*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[Tasks]
Name: path; Description: "Add skullfix to PATH, so that a terminal finds it"

[Registry]
Root: HKA; Subkey: "{code:EnvironmentKey}"; ValueType: expandsz; ValueName: "Path"; \
  ValueData: "{olddata};{app}"; Tasks: path; Check: NotOnPath

[Code]
function EnvironmentKey(Param: String): String;
begin
  if IsAdminInstallMode then
    Result := 'System\CurrentControlSet\Control\Session Manager\Environment'
  else
    Result := 'Environment';
end;

function CurrentPath(): String;
begin
  if not RegQueryStringValue(HKA, EnvironmentKey(''), 'Path', Result) then
    Result := '';
end;

function NotOnPath(): Boolean;
begin
  Result := Pos(';' + Lowercase(ExpandConstant('{app}')) + ';',
                ';' + Lowercase(CurrentPath()) + ';') = 0;
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Value, Entry: String;
  Place: Integer;
begin
  if Step <> usPostUninstall then
    exit;
  Entry := ';' + ExpandConstant('{app}');
  Value := CurrentPath();
  Place := Pos(Lowercase(Entry), Lowercase(Value));
  if Place > 0 then
  begin
    Delete(Value, Place, Length(Entry));
    RegWriteExpandStringValue(HKA, EnvironmentKey(''), 'Path', Value);
  end;
end;
