"""Approach: which municipality first, when, whom to talk to about what, and whom to cite."""

from salesml.approach.planning import ENTITY, Plan, municipal_task, plan
from salesml.approach.similar import PeerTable, peer_table
from salesml.approach.stages import Stage, Talk

__all__ = ["ENTITY", "PeerTable", "Plan", "Stage", "Talk", "municipal_task", "peer_table", "plan"]
