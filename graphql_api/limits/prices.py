"""What an operation costs, as values: prices, and plans that become prices when a request's variables are known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphql import Undefined

from graphql_api.connections import DEFAULT_SIZE, GREATEST_SIZE

Variables = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Price:
    """Points for what is looked up, nodes for what pages and lists may hold, values for all fields that may be told."""

    points: int = 0
    nodes: int = 0
    values: int = 0

    def __add__(self, more: "Price") -> "Price":
        """Add two prices."""
        return Price(self.points + more.points, self.nodes + more.nodes, self.values + more.values)

    def __mul__(self, times: int) -> "Price":
        """Give the price of so many."""
        return Price(self.points * times, self.nodes * times, self.values * times)


@dataclass(frozen=True, slots=True)
class Given:
    """What an argument is given: a variable of the request, or else what stands in the document or the schema."""

    otherwise: object
    variable: str | None = None

    def value(self, variables: Variables) -> object:
        """Give the value; Undefined where there is none."""
        return self.otherwise if self.variable is None else variables.get(self.variable, self.otherwise)


@dataclass(frozen=True, slots=True)
class Scale:
    """By how much a field multiplies what stands below it: a count over what its arguments are given."""

    count: Callable[[Sequence[object]], int]
    given: tuple[Given, ...]

    @property
    def is_open(self) -> bool:
        """Say whether it waits for a variable."""
        return any(given.variable is not None for given in self.given)

    def times(self, variables: Variables) -> int:
        """Say how many there may be."""
        values = (given.value(variables) for given in self.given)
        return self.count([value for value in values if value is not None and value is not Undefined])


def page_size(sizes: Sequence[object]) -> int:
    """Count the rows of a page: the larger of what is given, and what is usual where nothing is.

    A size that cannot be counts as the greatest that can, or as itself when it is larger: asking wrongly is not cheap.
    """
    return max((_size(size) for size in sizes), default=DEFAULT_SIZE)


def length(lists: Sequence[object]) -> int:
    """Count what a list asks for; a list that is left out counts as a page."""
    return max((len(each) if isinstance(each, list) else 1 for each in lists), default=DEFAULT_SIZE)


def _size(size: object) -> int:
    number = int(size) if isinstance(size, float) and size.is_integer() else size
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        return GREATEST_SIZE
    return number


@dataclass(frozen=True, slots=True)
class Plan:
    """The price of a part of a document: what is fixed, and what each open scale multiplies."""

    fixed: Price = Price()
    scaled: tuple[tuple[Scale, "Plan"], ...] = ()

    def __add__(self, more: "Plan") -> "Plan":
        """Add two parts."""
        return Plan(self.fixed + more.fixed, self.scaled + more.scaled)

    def times(self, scale: Scale) -> "Plan":
        """Multiply a part; where nothing is left open the product is fixed too."""
        if self.scaled or scale.is_open:
            return Plan(scaled=((scale, self),))
        return Plan(self.fixed * scale.times({}))

    def price(self, variables: Variables) -> Price:
        """Fill in a request's variables."""
        total = self.fixed
        for scale, below in self.scaled:
            total += below.price(variables) * scale.times(variables)
        return total
