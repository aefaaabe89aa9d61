"""Salesforce: objects read by query jobs, written by ingest jobs and sObject collections."""

from salesml.crm.salesforce.connection import Salesforce

__all__ = ["Salesforce"]
