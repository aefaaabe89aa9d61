"""What a municipality's documents say of a solution, and of the themes of policy."""

from salesml.municipal.policy.fit import policy_fit
from salesml.municipal.policy.settings import PolicyConfig, SolutionConfig, ThemeConfig
from salesml.municipal.policy.similarity import Reader, Seen, cosines, reader
from salesml.municipal.policy.text import excerpt, matching_terms, normalised, passages
from salesml.municipal.policy.themes import priorities

__all__ = [
    "PolicyConfig",
    "Reader",
    "Seen",
    "SolutionConfig",
    "ThemeConfig",
    "cosines",
    "excerpt",
    "matching_terms",
    "normalised",
    "passages",
    "policy_fit",
    "priorities",
    "reader",
]
