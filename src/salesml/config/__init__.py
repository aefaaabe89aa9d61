"""Projects as configuration: the YAML files under ``configs/<project>/``."""

from salesml.config.actions import (
    ActionConfig,
    ActionsConfig,
    BlockConfig,
    EscalateConfig,
    PlayConfig,
)
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
from salesml.config.tasks import ALL, Band, ExportConfig, Limits, TargetConfig, TaskConfig
from salesml.config.values import Days, Words, days

__all__ = [
    "ALL",
    "WHOLE",
    "ActionConfig",
    "ActionsConfig",
    "Band",
    "BlockConfig",
    "Capacity",
    "Checks",
    "ColumnConfig",
    "Days",
    "EscalateConfig",
    "ExportConfig",
    "Fairness",
    "JoinConfig",
    "Limits",
    "PlayConfig",
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
