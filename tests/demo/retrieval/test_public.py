"""What the page and the API tell of a search: names of files, never where they lie."""

from __future__ import annotations

import json

from demo.retrieval.service import public
from mmcore.results import Match, SearchResult


def test_a_public_result_names_no_folder():
    match = Match("/srv/secret/a.jpg", 0.5, 0.3, copies=("/srv/secret/b.jpg", "/srv/other/a.jpg"))
    result = SearchResult("a dog", (match,), 0.3, "c", "compact-retriever", "cpu", 0.1)
    answer = public(result).to_dict()
    assert (answer["matches"][0]["path"], answer["matches"][0]["copies"]) == ("a.jpg", ["b.jpg", "a.jpg"])
    assert "srv" not in json.dumps(answer)
