"""Linear algebra on one core: for small matrices, threads would wait for each other."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from scipy import linalg  # noqa: F401  # which loads the second of two libraries
from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]


def one_blas_thread() -> AbstractContextManager[Any]:
    """Keep BLAS to one thread within the ``with`` statement."""
    return _libraries().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]


@cache  # looking for them takes as long as a small fit
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
