"""The protocol before a judge that is not ours."""
