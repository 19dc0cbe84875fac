"""The house rules that a reader of the tree can check. Each message says what to do instead."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONGEST_SWIFT_FILE_LINES = 400
SHORT_ENOUGH_TO_SPEAK_FOR_ITSELF_LINES = 10

# A folder of the host uses only folders before it; C libraries have one importing folder each.
C_LIBRARY_ROOMS = {
    "CCurl": ["Sources/GatewayHost/Upstream"],
    "COpenSSL": ["Sources/GatewayHost/Net"],
    "CHiredis": ["Sources/GatewayHost/Redis"],
    "CSQLite": ["Sources/GatewayHost/Storage"],
    "CYAML": ["Sources/GatewayHost/Config"],
    "CZlib": ["Sources/GatewayHost/Anthropic"],
}


def tracked(*patterns):
    """Files under version control that match, as paths relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()
    return [pathlib.PurePosixPath(name) for name in listed if (ROOT / name).is_file()]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def imports(path):
    """The modules a Swift file imports, whatever attributes stand before `import`."""
    return re.findall(r"^(?:@\w+(?:\([^)]*\))?\s+)*(?:public |internal )?import (?:\w+ )?(\w+)", text(path), re.M)


def refuse(offences, advice):
    if offences:
        pytest.fail(advice + "\n  " + "\n  ".join(str(offence) for offence in offences), pytrace=False)


SWIFT = tracked("*.swift")
HOST = [path for path in SWIFT if str(path).startswith("Sources/GatewayHost/")]
PRODUCT = [path for path in SWIFT if str(path).startswith(("Sources/", "Plugins/"))]


def test_there_is_a_tree_to_check():
    assert len(HOST) > 3


@pytest.mark.parametrize("library", C_LIBRARY_ROOMS)
def test_each_c_library_has_one_importing_folder(library):
    rooms = C_LIBRARY_ROOMS[library]
    refuse(
        [path for path in PRODUCT if library in imports(path) and not any(str(path).startswith(room) for room in rooms)],
        f"{library} is imported outside {', '.join(rooms)}. Put the call behind a type of that folder and use the type:")


def test_nothing_in_the_product_imports_foundation():
    refuse(
        [path for path in PRODUCT if any(module.startswith("Foundation") for module in imports(path))],
        "Foundation costs 10 MB and 8 ms in every process (measured). Use Glibc and Synchronization:")


def test_the_host_never_imports_the_plugin_kit_or_a_plugin():
    plugins = {path.parts[1] for path in SWIFT if path.parts[0] == "Plugins"}
    forbidden = {"PluginKit"} | plugins | {f"{name}Core" for name in plugins}
    refuse(
        [f"{path} imports {module}" for path in HOST for module in imports(path) if module in forbidden],
        "The host knows plugins only through gateway_plugin.h. Put what both sides need into the contract:")


def test_a_plugin_imports_the_kit_and_nothing_of_the_host():
    allowed = {"PluginKit", "PluginABI", "Glibc", "Synchronization"}
    offences = []
    for path in SWIFT:
        if path.parts[0] != "Plugins":
            continue
        own = {path.parts[1], f"{path.parts[1]}Core"}
        offences += [f"{path} imports {module}" for module in imports(path) if module not in allowed | own]
    refuse(offences, "A plugin sees PluginKit (and PluginABI in Entry), so that it builds against any host. Ask the kit:")


def test_pure_plugin_cores_speak_no_c():
    refuse(
        [path for path in SWIFT if path.parts[0] == "Plugins" and path.parts[2] == "Core" and "PluginABI" in imports(path)],
        "A plugin's Core is logic over PluginKit; the C contract belongs in Entry/:")


def test_swift_files_stay_short():
    refuse(
        [f"{path}: {count} lines" for path in SWIFT
         if (count := len(text(path).splitlines())) > LONGEST_SWIFT_FILE_LINES],
        f"Longer than {LONGEST_SWIFT_FILE_LINES} lines. Look for the second noun inside and give it a file:")


def test_every_product_file_opens_by_saying_what_it_owns():
    refuse(
        [path for path in PRODUCT
         if not text(path).lstrip().startswith("//") and len(text(path).splitlines()) >= SHORT_ENOUGH_TO_SPEAK_FOR_ITSELF_LINES],
        "Open the file with a few comment lines: what it owns, what it does not know, its concurrency kind:")


def test_no_file_is_named_for_a_job():
    refuse(
        [path for path in SWIFT if re.search(r"(Utils?|Helpers?|Manager|Base|Impl|Misc|Common)\.swift$", path.name)],
        "Name the file after the noun it holds:")


def test_nothing_is_left_for_later():
    pattern = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|fatalError\(\"not ")
    refuse(
        [f"{path}:{number}: {line.strip()}" for path in tracked("Sources", "Plugins", "Tests", "scripts", "deploy", "docs",
                                                                "examples", "Makefile", "Package.swift", "*.md")
         for number, line in enumerate(text(path).splitlines(), 1) if pattern.search(line)],
        "Do it now, or write what is missing in the documents as a limit:")


def test_no_path_of_one_machine():
    pattern = re.compile(r"\.\./share" + r"d|(?<![\w.])/(?:work|root|home/\w+|Users|farm)/(?!\.build)")
    refuse(
        [f"{path}:{number}: {line.strip()[:120]}" for path in tracked("*")
         if not str(path).startswith("Tests/Corpus/")
         for number, line in enumerate(text(path).splitlines(), 1) if pattern.search(line)],
        "A path of one machine means nothing on another. Make it relative, or find it at run time:")


def test_no_package_dependency():
    refuse(
        ["Package.swift"] if re.search(r"\.package\(\s*(url|name|path|id)", text("Package.swift")) else [],
        "The gateway has no Swift package dependencies. Use a system library through Sources/CLibraries:")


def test_no_test_sleeps():
    pattern = re.compile(r"\b(?:time\.)?sleep\(|Task\.sleep|usleep\(|nanosleep\(")
    refuse(
        [f"{path}:{number}: {line.strip()}" for path in tracked("Tests/*.swift", "Tests/*.py", "Tests/**/*.swift", "Tests/**/*.py")
         if not str(path).startswith("Tests/Tidy/")
         for number, line in enumerate(text(path).splitlines(), 1) if pattern.search(line)],
        "A test that sleeps is slow when right and wrong when slow. Wait for the event, or move a manual clock:")
