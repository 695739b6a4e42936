"""What is built from the tree holds what it should: the list of packages, the source archive and the wheel."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PLACES = {
    "nuke_ai_panel": ROOT / "nuke_ai_panel",
    "nuke_ai_panel_resources": ROOT / "resources",
    "nuke_ai_panel_ui": ROOT / "src" / "ui" / "nuke_ai_panel_ui",
}


def package_folders() -> dict[str, Path]:
    """Every folder of the tree with Python in it, by package name."""
    found: dict[str, Path] = {}
    for top, place in PLACES.items():
        for path in place.rglob("*.py"):
            found[".".join((top, *path.parent.relative_to(place).parts))] = path.parent
    return found


def shipped_files() -> set[str]:
    """Every file that an installed package must hold, by its place in the wheel."""
    return {
        f"{top}/{path.relative_to(place).as_posix()}"
        for top, place in PLACES.items()
        for path in place.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def metadata() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def test_setup_cfg_lists_every_package_and_no_other():
    listed = metadata()["options"]["packages"].split()
    assert len(listed) == len(set(listed))
    assert set(listed) == set(package_folders())


@pytest.mark.parametrize("name", sorted(package_folders()))
def test_every_package_folder_is_a_regular_package(name):
    assert (package_folders()[name] / "__init__.py").is_file()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A source archive made from a copy of the tree, and a wheel made from what that archive unpacks to."""
    pytest.importorskip("setuptools", "70.1", reason="building needs setuptools 70.1 or newer, the extra 'test' has it")
    folder = tmp_path_factory.mktemp("built")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("the tree is no git work tree, so what belongs to it is not known")
    source = folder / "source"
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    backend = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"

    def build(what: str, place: Path) -> Path:
        command = [sys.executable, "-c", backend, f"build_{what}", str(folder)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return folder / done.stdout.splitlines()[-1]

    archive = build("sdist", source)
    unpacked = folder / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (inside,) = unpacked.iterdir()
    return {"source": source, "unpacked": inside, "wheel": build("wheel", inside)}


def test_the_source_archive_is_complete(built):
    tracked = {path.relative_to(built["source"]).as_posix() for path in built["source"].rglob("*") if path.is_file()}
    tracked = {name for name in tracked if ".egg-info/" not in name and name != ".gitignore"}
    unpacked = {path.relative_to(built["unpacked"]).as_posix() for path in built["unpacked"].rglob("*") if path.is_file()}
    assert tracked - unpacked == set()


def test_the_wheel_made_from_it_holds_every_module_and_data_file(built):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == shipped_files()


def test_the_wheel_alone_can_do_the_demo(built, tmp_path):
    with zipfile.ZipFile(built["wheel"]) as wheel:
        wheel.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-m", "nuke_ai_panel", "demo", "--out", "demo.nk"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "DemoGrade" in (tmp_path / "demo.nk").read_text(encoding="utf-8")


_ASKS_THE_CATALOGUE = """
import nuke_ai_panel.nk.catalogue as catalogue, nuke_ai_panel.nk.catalogue_store as store
found = catalogue.Catalogue.for_version("15.1")
print(store.__file__)
print(found.knob_info("Blur", "size").size, found.check_knob("Grade", "gain").suggestion, len(found.names()) > 400)
"""


@pytest.mark.parametrize("place", ["wheel", "source"])
def test_the_catalogue_is_found_in_a_wheel_and_in_a_bare_checkout(built, tmp_path, place):
    if place == "wheel":
        with zipfile.ZipFile(built["wheel"]) as wheel:
            wheel.extractall(tmp_path / "site")
    folder = tmp_path / "site" if place == "wheel" else built["source"]
    command = [sys.executable, "-c", _ASKS_THE_CATALOGUE]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    where, answer = done.stdout.splitlines()
    assert where.startswith(str(folder))
    assert answer == "2 white True"


def test_the_catalogue_is_found_where_the_checkout_is_installed_to_be_edited(built, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    backend = "from setuptools import build_meta as b; import sys; print(b.build_editable(sys.argv[1]))"
    command = [sys.executable, "-c", backend, str(tmp_path)]
    done = subprocess.run(command, cwd=built["source"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / done.stdout.splitlines()[-1]) as wheel:
        wheel.extractall(tmp_path)
    # A folder on PYTHONPATH is no site folder, so its .pth files are read by hand.
    command = [sys.executable, "-c", f"import site; site.addsitedir({str(tmp_path)!r})\n{_ASKS_THE_CATALOGUE}"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    where, answer = done.stdout.splitlines()
    assert where.startswith(str(built["source"]))
    assert answer == "2 white True"


def test_the_version_is_said_once(built):
    import nuke_ai_panel

    assert nuke_ai_panel.__version__ in built["wheel"].name
    assert metadata()["metadata"]["version"] == "attr: nuke_ai_panel.__version__"
