import gzip
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from graphql_api import explorer

SCRIPT = b"export {};\n"
FILES = {
    "LICENSES.txt": b"MIT\n",
    "favicon-AAAAAAAA.svg": b"<svg/>",
    "graphiql-BBBBBBBB.css": b"body {}\n",
    "graphiql-CCCCCCCC.js": SCRIPT,
    "graphiql-CCCCCCCC.js.gz": gzip.compress(SCRIPT),
}


@pytest.fixture
def static(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    manifest = {
        "script": "graphiql-CCCCCCCC.js",
        "style": "graphiql-BBBBBBBB.css",
        "icon": "favicon-AAAAAAAA.svg",
        "files": {name: sha256(content).hexdigest() for name, content in FILES.items()},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def client(static: Path) -> AsyncClient:
    app = Starlette(routes=explorer.routes(static))
    return AsyncClient(transport=ASGITransport(app), base_url="http://seatgate.test")


async def test_the_page_may_reach_nothing_but_this_server(static: Path) -> None:
    response = await client(static).get("/graphiql")

    policy = dict(rule.split(" ", 1) for rule in response.headers["content-security-policy"].split("; "))
    assert response.status_code == 200
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "font-src": "'self' data:",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


async def test_the_page_is_neither_kept_nor_guessed_at_nor_told_to_others(static: Path) -> None:
    response = await client(static).get("/graphiql")

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("built_by", ["the test", "the build"])
async def test_the_page_refers_to_its_own_files_alone(static: Path, built_by: str) -> None:
    browser = client(static if built_by == "the test" else explorer.STATIC)

    page = (await browser.get("/graphiql")).text

    references = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(references) == 3
    for reference in references:
        assert reference.startswith("/graphiql/assets/")
        assert (await browser.get(reference)).status_code == 200
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page))


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("LICENSES.txt", "text/plain; charset=utf-8"),
        ("favicon-AAAAAAAA.svg", "image/svg+xml"),
        ("graphiql-BBBBBBBB.css", "text/css; charset=utf-8"),
        ("graphiql-CCCCCCCC.js", "text/javascript; charset=utf-8"),
    ],
)
async def test_a_file_comes_as_what_it_is_and_under_the_page_s_policy(static: Path, name: str, media_type: str) -> None:
    browser = client(static)

    response = await browser.get(f"/graphiql/assets/{name}")

    page = await browser.get("/graphiql")
    assert response.content == FILES[name]
    assert response.headers["content-type"] == media_type
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == page.headers["content-security-policy"]


async def test_a_file_is_kept_for_ever_only_when_its_name_changes_with_its_content(static: Path) -> None:
    browser = client(static)

    script = await browser.get("/graphiql/assets/graphiql-CCCCCCCC.js")
    licences = await browser.get("/graphiql/assets/LICENSES.txt")

    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert licences.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
async def test_a_file_is_compressed_for_those_who_take_it(static: Path, accepted: str, encoding: str | None) -> None:
    response = await client(static).get("/graphiql/assets/graphiql-CCCCCCCC.js", headers={"accept-encoding": accepted})

    assert response.headers.get("content-encoding") == encoding
    assert response.headers["vary"] == "accept-encoding"
    assert response.content == SCRIPT


@pytest.mark.parametrize("path", ["/graphiql", "/graphiql/assets/graphiql-CCCCCCCC.js"])
async def test_head_tells_what_get_would_bring(static: Path, path: str) -> None:
    browser = client(static)

    head = await browser.head(path)

    assert head.status_code == 200
    assert head.headers == (await browser.get(path)).headers


@pytest.mark.parametrize(
    "name",
    [
        "other.js",
        "manifest.json",
        "graphiql-CCCCCCCC.js.gz",
        "",
        "%2e%2e",
        "..%2fexplorer.py",
        "..%5cexplorer.py",
        "%2fetc%2fpasswd",
        "graphiql-CCCCCCCC.js%00",
        "graphiql-CCCCCCCC.js%2f..%2fmanifest.json",
    ],
)
async def test_no_other_name_opens_a_file(static: Path, name: str) -> None:
    response = await client(static).get(f"/graphiql/assets/{name}")

    assert response.status_code == 404


async def test_an_explorer_that_is_not_built_says_so(tmp_path: Path) -> None:
    browser = client(tmp_path)

    page = await browser.get("/graphiql")

    assert page.status_code == 503
    assert "The explorer is not built. Run <code>make explorer</code>" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none';")
    assert (await browser.get("/graphiql/assets/graphiql-CCCCCCCC.js")).status_code == 404


def test_a_whole_build_counts_as_built(static: Path) -> None:
    assert explorer.built(static)


def test_a_build_with_a_file_missing_does_not_count(static: Path) -> None:
    (static / "graphiql-BBBBBBBB.css").unlink()

    assert not explorer.built(static)


def test_a_build_with_a_file_changed_does_not_count(static: Path) -> None:
    (static / "graphiql-CCCCCCCC.js").write_bytes(b"alert(1)")

    assert not explorer.built(static)


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        '{"script": "a.js", "style": "a.css", "icon": "a.svg"}',
        '{"script": "a.js", "style": "a.css", "icon": "a.svg", "files": {"../explorer.py": ""}}',
    ],
)
def test_a_manifest_that_the_build_would_not_write_does_not_count(static: Path, manifest: str) -> None:
    (static / "manifest.json").write_text(manifest)

    assert not explorer.built(static)


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((Path(__file__).parents[2] / "explorer/package-lock.json").read_text())

    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert not [name for name, package in packages.items() if "integrity" not in package]
