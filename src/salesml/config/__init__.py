"""Projects as configuration: the YAML files under ``configs/<project>/``."""

from salesml.config.contacts import Capacity, Value, Worth
from salesml.config.fairness import Fairness
from salesml.config.project import Project, ProjectConfig, load_project
from salesml.config.retrain import RetrainConfig
from salesml.config.sources import (
    WHOLE,
    Checks,
    ColumnConfig,
    JoinConfig,
    SourceConfig,
    SourcesConfig,
)
from salesml.config.tasks import Band, ExportConfig, TargetConfig, TaskConfig
from salesml.config.values import Days, Words, days

__all__ = [
    "WHOLE",
    "Band",
    "Capacity",
    "Checks",
    "ColumnConfig",
    "Days",
    "ExportConfig",
    "Fairness",
    "JoinConfig",
    "Project",
    "ProjectConfig",
    "RetrainConfig",
    "SourceConfig",
    "SourcesConfig",
    "TargetConfig",
    "TaskConfig",
    "Value",
    "Words",
    "Worth",
    "days",
    "load_project",
]
