"""Real clients against a real server, as docs/clients.md shows them: `make test-clients`.

They are installed beside us and not with us: the programs run in environments of their own, from locks of their own.
"""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import demo
from tests.clients.demo import Demo
from tests.clients.guide import FILES, PRINTED, ROOT, TEXT, lay_out
from tests.support import callers
from tests.support.databases import Sqlite

SECONDS = 60
SOON_SECONDS = 6
NODE = ROOT / ".venv" / "bin"
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
GENERATOR = ROOT / ".venv-codegen" / "bin" / "ariadne-codegen"

SHARED = ("seatgate.mjs", "operations.graphql")
SCRIPTS = ("apollo.mjs", "urql.mjs", "socket.mjs")
TYPED = ("operations.graphql", "codegen.toml", "typed.py", "with_gql.py")
RELAY = ("relay.config.js", "environment.js", "Team.jsx")
HOOK = ("useEntitled.jsx", "Reports.jsx")
BROWSER = ("build.mjs", "page.mjs")

STRICT = """
[mypy]
strict = true
# The generator copies it as it stands.
[mypy-seatgate_client.async_base_client]
ignore_errors = true
"""


@pytest.fixture(scope="session")
def served(sqlite: Sqlite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    with demo.served(sqlite.fresh(folder), folder) as running:
        yield running


@pytest.fixture
def house(served: Demo) -> Iterator[Demo]:
    """The demo, which every example leaves as it was."""
    yield served
    assert asyncio.run(served.members()) == {"Olivia Owner", "Max Member"}


@pytest.fixture(scope="session")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python examples, beside a client generated from the schema as it is now."""
    folder = lay_out(tmp_path_factory.mktemp("python") / "typed", *TYPED)
    run(GENERATOR, "--config", "codegen.toml", folder=folder)
    return folder


def run(*command: str | Path, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEATGATE_")}
    path = f"{NODE}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=kept | {"PATH": path} | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def play(*command: str | Path, folder: Path, house: Demo, **environ: str) -> tuple[list[str], str]:
    """Run a program as Acme's owner; give the lines that it prints, ids of requests aside, and what it warns of."""
    known = {"SEATGATE_URL": f"{house.url}/graphql", "SEATGATE_TOKEN": house.tokens["owner"]}
    done = run(*command, folder=folder, **known, **environ)
    return re.sub(r"\b[0-9a-f]{32}\b", "<id>", done.stdout).splitlines(), done.stderr


def printed(last: str) -> list[str]:
    """Say what an example prints: as in the guide, but for the organizations that the owner has more here."""
    *lines, _ = PRINTED.splitlines()
    return [", ".join(["Acme", *demo.MORE]) if line == "Acme" else line for line in lines] + [last]


def test_every_file_of_the_guide_is_played_here() -> None:
    code = re.findall(r"^```(?!text)\w+$", TEXT, flags=re.MULTILINE)

    assert set(FILES) == {*SHARED, *SCRIPTS, *TYPED, *RELAY, *HOOK}
    assert len(code) == len(FILES)


@pytest.mark.parametrize(
    ("script", "last"), [("apollo.mjs", "UNAUTHENTICATED"), ("urql.mjs", "UNAUTHENTICATED"), ("socket.mjs", "4403")]
)
def test_a_script_of_the_guide_does_as_it_says(house: Demo, tmp_path: Path, script: str, last: str) -> None:
    folder = lay_out(tmp_path / "scripts", *SHARED, script)

    assert play("node", script, folder=folder, house=house) == (printed(last), "")


@pytest.mark.parametrize(("script", "last"), [("with_gql.py", "UNAUTHENTICATED"), ("typed.py", "401")])
def test_a_python_script_of_the_guide_does_as_it_says(house: Demo, typed: Path, script: str, last: str) -> None:
    assert play(PYTHON, script, folder=typed, house=house) == (printed(last), "")


def test_the_generated_client_and_the_python_scripts_are_strictly_typed(typed: Path) -> None:
    (typed / "mypy.ini").write_text(STRICT)
    scripts = [name for name in TYPED if name.endswith(".py")]

    run(
        NODE / "mypy",
        "--config-file=mypy.ini",
        f"--python-executable={PYTHON}",
        "seatgate_client",
        *scripts,
        folder=typed,
    )


def test_a_stream_goes_on_with_a_fresh_token_when_the_one_before_has_ended(house: Demo, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "renewal", "renewal.mjs")
    soon_over = callers.token("olivia", exp=int(time.time()) + SOON_SECONDS)

    told, warned = play("node", "renewal.mjs", folder=folder, house=house, SOON_OVER=soon_over)

    assert told == ["2", "closed: 4403", "2", "3", "2", "closed: 1000"]
    assert warned == ""


def test_relay_compiles_the_page_of_the_guide_and_shows_it(house: Demo, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "relay", *RELAY, *BROWSER, "relay.jsx")
    run("node_modules/.bin/relay-compiler", "relay.config.js", folder=folder)
    run("node", "build.mjs", "relay.jsx", "relay.mjs", folder=folder)

    shown, _ = play("node", "relay.mjs", folder=folder, house=house)

    assert shown == [
        "Olivia Owner",
        "Acme, Bolt, Coin",
        "Reports",
        "2 of 3 taken",
        "Olivia Owner, Max Member, Nina Next",
        "3 of 3 taken",
        "all 3 seats are taken",
        "There is no such user.",
        "2 of 3 taken",
        "INVALID_CURSOR, request <id>",
        "UNAUTHENTICATED",
        "UNAUTHENTICATED",
    ]


def test_the_hook_of_the_guide_shows_what_a_customer_has_now(house: Demo, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "hook", *HOOK, *BROWSER, "hook.jsx")
    run("node", "build.mjs", "hook.jsx", "hook.mjs", folder=folder)
    people = {name.upper(): token for name, token in house.tokens.items()}

    shown, warned = play("node", "hook.mjs", folder=folder, house=house, **people)

    granted, lost, foreign, removed = (
        ["Reports Reports", "1 stream"],
        ["Upgrade Upgrade"],
        ["nothing", "0 streams"],
        ["nothing"],
    )
    assert shown == ["Upgrade Upgrade", *granted, *lost, *foreign, "Reports Reports", *removed]
    assert warned == ""
