"""An operation of the API: its name for tests, its address, what it takes and who answers it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked, Paged, Params, Range
from tests.peers.stripe.refusals import missing


@dataclass(frozen=True, slots=True)
class Operation:
    """`name` is the client's own: `subscriptions.create`. `answer(account, params, *ids)` gives a document."""

    name: str
    method: str
    path: str
    answer: Callable[..., Document]
    params: type[Params] = Asked


def page(documents: Iterable[Document], params: Paged, *, url: str, newest_first: bool = True) -> Document:
    """Give one page of a list, by cursor.

    Raises:
        Refusal: the cursor is none of the listed.
    """
    found = list(documents)
    if newest_first:
        found.reverse()
        found.sort(key=lambda document: -document.get("created", 0))
    bounds = params.created
    if bounds is not None:
        within = bounds if isinstance(bounds, Range) else Range(gte=bounds, lte=bounds)
        found = [document for document in found if within.holds(document["created"])]
    places = {document["id"]: place for place, document in enumerate(found)}
    start, end = 0, len(found)
    if params.starting_after is not None:
        start = _place(places, params.starting_after, "starting_after") + 1
    if params.ending_before is not None:
        end = _place(places, params.ending_before, "ending_before")
        start = max(start, end - params.limit)
        more = start > 0
    else:
        more = end - start > params.limit
    return {"object": "list", "data": found[start : min(end, start + params.limit)], "has_more": more, "url": url}


def _place(places: dict[str, int], id: str, param: str) -> int:
    if id not in places:
        raise missing("object", id, param=param, status=400)
    return places[id]


def whole(documents: Iterable[Document], *, url: str) -> Document:
    """Give a list inside of another object, all of it."""
    return {"object": "list", "data": list(documents), "has_more": False, "url": url}


def retrieving(kind: str) -> Callable[..., Document]:
    """Answer with the object of this kind that the path names."""

    def answer(account: Account, _: Asked, id: str) -> Document:
        return account.get(kind, id)

    return answer
