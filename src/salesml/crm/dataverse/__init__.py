"""Dynamics 365 and other apps on Dataverse, through its Web API."""

from __future__ import annotations

from salesml.crm.dataverse.connection import Dataverse

__all__ = ["Dataverse"]
