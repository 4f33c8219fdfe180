"""The pages in a real browser: `make test-browser`, in an environment of its own beside ours."""
