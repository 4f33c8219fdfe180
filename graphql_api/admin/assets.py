"""The pages' own files, out of memory, under names that change with their content."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "files"
MEDIA_TYPES = {".css": "text/css", ".svg": "image/svg+xml"}
HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    # An image that is opened by itself is a document, and can do no more than the pages.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
}
_HASH_DIGITS = 12


async def serve(request: Request) -> Response:
    """Answer with a file by its name; there is none but ours.

    Raises:
        HTTPException: 404, we have no such file.
    """
    found = _files().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    media_type, content = found
    return Response(content, media_type=media_type, headers=HEADERS)


@cache
def addresses() -> Mapping[str, str]:
    """Tell under which address each file is served, by its name in the folder."""
    return MappingProxyType({path.name: f"/admin/assets/{_name(path)}" for path in FOLDER.iterdir()})


@cache
def _files() -> Mapping[str, tuple[str, bytes]]:
    return {_name(path): (MEDIA_TYPES[path.suffix], path.read_bytes()) for path in FOLDER.iterdir()}


def _name(path: Path) -> str:
    return f"{path.stem}-{sha256(path.read_bytes()).hexdigest()[:_HASH_DIGITS]}{path.suffix}"
