"""The wheel: everything that a server needs from it, and nothing else."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("domain", "graphql_api", "migrations")
STATIC = "graphql_api/static"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    [built] = folder.glob("seatgate-*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked as an installer would, beside the libraries of ours."""
    place = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def run(installed: Path, folder: Path, *words: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEATGATE_")}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tracked() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *ROOMS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.splitlines())


def test_the_wheel_carries_the_explorer_as_it_was_built(names: set[str]) -> None:
    manifest = json.loads((ROOT / STATIC / "manifest.json").read_text())

    carried = {name for name in names if name.startswith(f"{STATIC}/")}

    assert carried == {f"{STATIC}/{name}" for name in (*manifest["files"], "manifest.json")}
    assert f"{STATIC}/LICENSES.txt" in carried


def test_the_wheel_carries_the_packages_whole_and_nothing_beside_them(names: set[str]) -> None:
    rest = {name for name in names if not name.startswith((f"{STATIC}/", "seatgate-"))}

    assert rest == tracked()
    for needed in ("domain/py.typed", "graphql_api/py.typed", "graphql_api/admin/templates/layout.html"):
        assert needed in rest


def test_what_is_installed_from_the_wheel_has_its_explorer_and_the_schema_of_this_tree(
    installed: Path, tmp_path: Path
) -> None:
    told = "from graphql_api import explorer; print(explorer.__file__, explorer.built())"

    assert run(installed, tmp_path, "-c", told).split() == [str(installed / "graphql_api/explorer.py"), "True"]
    assert run(installed, tmp_path, "-m", "graphql_api.cli", "schema") == (ROOT / "schema.graphql").read_text()


def test_what_is_installed_from_the_wheel_migrates_a_database(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_text((ROOT / "catalog.toml").read_text())

    run(installed, tmp_path, "-m", "graphql_api.cli", "migrate")
    run(installed, tmp_path, "-m", "graphql_api.cli", "check")
