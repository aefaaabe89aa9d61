"""How similar texts are: rare n-grams, words, or the vectors of a sentence model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import norm
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from salesml.errors import ConfigError
from salesml.municipal.policy.settings import PolicyConfig

__all__ = ["Reader", "Seen", "cosines", "reader"]

_COLUMNS = 2**18
_BATCH = 2000  # texts weighted at a time, so that a long document takes little memory
_KANJI = re.compile(r"[一-鿿々]")
_WRITTEN = re.compile(r"[^\W\d_ぁ-ゟ]{2,}")
_HIRAGANA = re.compile(r"[ぁ-ゟー]{4,}")
_CONTENT = {"名詞", "動詞", "形容詞", "形状詞"}


@dataclass(frozen=True)
class Seen:
    """What idf goes by: in how many of ``texts`` each column was found.

    ``frequency`` is None where columns are no counts and all weigh the same.
    """

    texts: int
    frequency: npt.NDArray[np.int32] | None

    def plus(self, rows: csr_matrix) -> Seen:
        """This and the texts that *rows* (texts, columns) are of."""
        if self.frequency is None:
            return self
        found = np.bincount(rows.indices, minlength=len(self.frequency)).astype(np.int32)
        return Seen(self.texts + rows.shape[0], self.frequency + found)

    def weighted(self, rows: csr_matrix) -> csr_matrix:
        """*rows* as (1 + log of the count) x smoothed idf; vectors as they are."""
        if self.frequency is None:
            return rows
        idf = np.log((1 + self.texts) / (1 + self.frequency[rows.indices])) + 1
        values = (1 + np.log(rows.data)) * idf
        return csr_matrix((values, rows.indices, rows.indptr), rows.shape)


@dataclass(frozen=True)
class Reader:
    """Texts as rows of a sparse matrix; ``nothing`` is what was seen before any text."""

    rows: Callable[[Sequence[str]], csr_matrix]
    nothing: Seen

    def weight(self, seen: Seen) -> Callable[[str], float]:
        """How much a term weighs: more the longer and the rarer it is."""
        if seen.frequency is None:
            return len
        return lambda term: float(norm(seen.weighted(self.rows([term]))))


def cosines(rows: csr_matrix, queries: csr_matrix, seen: Seen) -> npt.NDArray[np.float64]:
    """Cosines (texts, queries), 0 to 1."""
    asked = normalize(seen.weighted(queries)).T
    blocks = [rows[start : start + _BATCH] for start in range(0, rows.shape[0], _BATCH)]
    found = np.vstack([(normalize(seen.weighted(b)) @ asked).toarray() for b in blocks])
    return np.clip(np.round(found, 12), 0.0, 1.0)


def reader(config: PolicyConfig) -> Reader:
    """The reader that *config* asks for; ConfigError names what must be installed for it."""
    if config.similarity == "vectors":
        return Reader(_sentence_model(str(config.model)), Seen(0, None))
    if config.similarity == "words":
        counter = HashingVectorizer(analyzer=_word_analyzer(), **_COUNTS)
    else:
        counter = HashingVectorizer(analyzer=_ngrams, **_COUNTS)
    return Reader(counter.transform, Seen(0, np.zeros(_COLUMNS, np.int32)))


_COUNTS: dict[str, Any] = {"n_features": _COLUMNS, "alternate_sign": False, "norm": None}


def _ngrams(text: str) -> list[str]:
    """Two to four characters of what is written in Kanji, Katakana or Latin, and Kanji alone.

    Particles and endings, in Hiragana, tell little, and figures less: of Hiragana only what is
    long enough to be a word counts, by fours.
    """
    lower = text.lower()
    found = _KANJI.findall(lower)
    for size in (2, 3, 4):
        found += _grams(_WRITTEN.findall(lower), size)
    return found + _grams(_HIRAGANA.findall(lower), 4)


def _grams(runs: list[str], size: int) -> list[str]:
    return [run[i : i + size] for run in runs for i in range(len(run) - size + 1)]


def _word_analyzer() -> Callable[[str], list[str]]:
    """Content words, the shortest units, as the dictionary writes them, and pairs of neighbours."""
    try:
        from sudachipy import Dictionary
    except ImportError:
        raise _not_installed("words", "text") from None
    tokenizer = Dictionary().tokenizer("A")

    def analyze(text: str) -> list[str]:
        words = [
            word.normalized_form()
            for word in tokenizer.tokenize(text)
            if word.part_of_speech()[0] in _CONTENT
        ]
        return words + [" ".join(pair) for pair in pairwise(words)]

    return analyze


def _sentence_model(name: str) -> Callable[[Sequence[str]], csr_matrix]:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise _not_installed("vectors", "vectors") from None
    model = SentenceTransformer(name)
    return lambda texts: csr_matrix(np.asarray(model.encode(list(texts)), dtype=np.float64))


def _not_installed(kind: str, extra: str) -> ConfigError:
    return ConfigError(
        f"`similarity: {kind}` needs packages that are not installed.",
        where="municipal.yml, policy",
        fix=f"pip install 'salesml[{extra}]', or write similarity: ngrams.",
    )
