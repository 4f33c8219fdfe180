"""What the explorer's guide quotes is what the explorer says."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs/explorer.md").read_text()


def test_every_trouble_that_the_guide_names_is_worded_so() -> None:
    _, _, after = GUIDE.partition("| it says | because |\n|---|---|\n")
    quoted = re.findall(r"^\| ([^|]+) \|", after.partition("\n\n")[0], flags=re.MULTILINE)
    worded = (ROOT / "explorer/troubles.js").read_text()

    assert len(quoted) == 7
    assert [words for words in quoted if re.split(r" …| \(", words)[0] not in worded] == []


def test_the_page_keeps_nothing_where_the_guide_says_that_nothing_is() -> None:
    sources = "".join(path.read_text() for path in sorted((ROOT / "explorer").glob("*.js*")) if path.stem != "build")

    assert "in no cookie, no address, neither `localStorage` nor `sessionStorage`" in GUIDE
    assert not re.search(r"localStorage|document\.cookie|indexedDB|history\.(?:push|replace)State", sources)
