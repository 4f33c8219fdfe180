"""`python -m graphql_api.cli` is `seatgate`."""

from graphql_api.cli import main

main()
