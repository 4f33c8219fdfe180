"""The explorer for administrators: GraphiQL on a page of our own, under a policy that lets it reach this server alone.

The page is public and knows nothing; the data needs a credential. Files come out of memory by the names in the
build's manifest: no path from an address ever reaches the disk, and no script stands in the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

STATIC = Path(__file__).parent / "static"

# Workers take the policy of the file that they are loaded from, so every file carries it, not the page alone.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
        "img-src 'self' data:; connect-src 'self'; worker-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Seatgate explorer</title>
<link rel="icon" type="image/svg+xml" href="/graphiql/assets/{icon}">
<link rel="stylesheet" href="/graphiql/assets/{style}">
<script type="module" src="/graphiql/assets/{script}"></script>
</head>
<body>
<div id="explorer"></div>
<noscript>The explorer needs JavaScript. The API itself answers at /graphql.</noscript>
</body>
</html>
"""
_NOT_BUILT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Seatgate explorer</title>
<style>
body { font: 16px/1.6 system-ui, sans-serif; margin: 12vh auto; max-width: 34rem; padding: 0 1rem; }
</style>
</head>
<body>
<h1>Seatgate</h1>
<p>The explorer is not built. Run <code>make explorer</code> and start the server again.</p>
<p>Everything else works: the API at <code>/graphql</code>, the operators' pages at <a href="/admin">/admin</a>.</p>
</body>
</html>
"""

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Manifest(BaseModel):
    """What the build wrote: the page's parts, and every file with its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    script: _Name
    style: _Name
    icon: _Name
    files: dict[_Name, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asset:
    """One file, and its compressed twin where the build made one."""

    media_type: str
    cache_control: str
    plain: bytes
    gzipped: bytes | None

    def response(self, request: Request) -> Response:
        """Answer with the compressed form to a client that takes it."""
        headers = _HEADERS | {"cache-control": self.cache_control, "vary": "accept-encoding"}
        if self.gzipped is None or "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(self.plain, media_type=self.media_type, headers=headers)
        return Response(self.gzipped, media_type=self.media_type, headers=headers | {"content-encoding": "gzip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Explorer:
    """The explorer as it was built."""

    page: str
    assets: Mapping[str, _Asset]


def built(static: Path = STATIC) -> bool:
    """Say whether every file of the build is there, as the build wrote it."""
    return _read(static) is not None


def routes(static: Path | None = None) -> list[BaseRoute]:
    """Give the routes of the page and its files; while they are not built the page answers 503.

    The files of `static` are read now and once; without it, the installed ones are, once for every application.
    """
    explorer = _installed() if static is None else _read(static)

    async def page(_request: Request) -> Response:
        headers = _HEADERS | {"cache-control": "no-store"}
        if explorer is None:
            return HTMLResponse(_NOT_BUILT, status_code=503, headers=headers)
        return HTMLResponse(explorer.page, headers=headers)

    async def asset(request: Request) -> Response:
        found = explorer.assets.get(request.path_params["name"]) if explorer else None
        if found is None:
            raise HTTPException(404)
        return found.response(request)

    return [Route("/graphiql", page), Route("/graphiql/assets/{name}", asset)]


@cache
def _installed() -> _Explorer | None:
    return _read(STATIC)


def _read(static: Path) -> _Explorer | None:
    """Read what the build wrote; None when a file is missing or is not what the manifest says."""
    try:
        manifest = _Manifest.model_validate_json((static / "manifest.json").read_bytes())
        files = {name: (static / name).read_bytes() for name in manifest.files}
    except (OSError, ValidationError):
        return None
    if any(sha256(files[name]).hexdigest() != digest for name, digest in manifest.files.items()):
        return None
    return _Explorer(
        page=_PAGE.format(script=manifest.script, style=manifest.style, icon=manifest.icon),
        assets={name: _asset(name, files) for name in files if Path(name).suffix in _MEDIA_TYPES},
    )


def _asset(name: str, files: Mapping[str, bytes]) -> _Asset:
    return _Asset(
        media_type=_MEDIA_TYPES[Path(name).suffix],
        # All other names carry a hash of their content.
        cache_control="no-cache" if name == "LICENSES.txt" else _FOR_EVER,
        plain=files[name],
        gzipped=files.get(f"{name}.gz"),
    )
