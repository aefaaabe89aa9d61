"""HubSpot, by its REST interface (https://developers.hubspot.com/docs/api-reference)."""

from salesml.crm.hubspot.connection import HubSpot

__all__ = ["HubSpot"]
