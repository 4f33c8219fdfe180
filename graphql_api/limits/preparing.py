"""From a text to a document that may run: parsed, measured, validated and priced once, and kept for the next request.

Documents are kept by their text. Strawberry's own caches hash the whole parsed document on every request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, Token, parse, validate
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from graphql_api.errors import Code, PublicError, worded
from graphql_api.limits.keeping import Keeping
from graphql_api.limits.measuring import Measures, measure
from graphql_api.limits.pricing import Offer, offers

MAX_TOKENS = 2000
# A document of the most tokens takes some 600 KiB: these hold 100 MiB if all are, and usually five.
NEWCOMERS, REGULARS = 32, 128
LONGEST_KEPT = 8192

# Each fault can take as long to be worded as all the rest; whoever has so many looks at the first of them.
MAX_ERRORS = 10
STRAWBERRYS_RULES = (MaybeNullValidationRule, OneOfInputValidationRule)

Rules = tuple[type[ASTValidationRule], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document that was parsed, measured, validated and priced; it may run as it is when `errors` is empty."""

    document: DocumentNode | None
    measures: Measures = field(default_factory=Measures)
    offers: Mapping[str | None, Offer] = field(default_factory=dict)
    errors: tuple[GraphQLError, ...] = ()


kept: Keeping[tuple[GraphQLSchema, str, Rules], Prepared] = Keeping(newcomers=NEWCOMERS, regulars=REGULARS)


def prepare(schema: GraphQLSchema, text: str, rules: Rules) -> Prepared:
    """Prepare a document, or hand back the one prepared earlier. Only good ones of a usual length are kept."""
    key = (schema, text, rules)
    prepared = kept.find(key)
    if prepared is None:
        prepared = _prepared(schema, text, rules)
        if not prepared.errors and len(text) <= LONGEST_KEPT:
            kept.keep(key, prepared)
    return prepared


def _prepared(schema: GraphQLSchema, text: str, rules: Rules) -> Prepared:
    try:
        document = parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_TOKENS)
        _refuse_nul(document, text)
        measures = measure(document)
    except GraphQLError as refusal:
        return Prepared(document=None, errors=(refusal,))
    if errors := validate(schema, document, (*rules, *STRAWBERRYS_RULES), max_errors=MAX_ERRORS):
        found = tuple(worded(error, Code.GRAPHQL_VALIDATION_FAILED) for error in errors)
        return Prepared(document=document, errors=found)
    return Prepared(document=document, measures=measures, offers=offers(schema, document))


def _refuse_nul(document: DocumentNode, text: str) -> None:
    """Refuse NUL inside a string literal: databases cannot hold it, and only an escape can bring it this far."""
    if "\\u" not in text and "\0" not in text:
        return
    token: Token | None = document.loc.start_token if document.loc else None
    while token:
        if "\0" in (token.value or ""):
            raise PublicError("A string holds a NUL character.", Code.BAD_USER_INPUT)
        token = token.next
