"""Who does what, and who looks after whom, within minutes, channels, limits and skills."""

from salesml.actions.assignment.allocation import Allocation, allocate
from salesml.actions.assignment.portfolio import Portfolio, portfolio_of, require_assignment

__all__ = ["Allocation", "Portfolio", "allocate", "portfolio_of", "require_assignment"]
