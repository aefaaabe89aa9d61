"""Projects as configuration: the YAML files under ``configs/<project>/``."""

from salesml.config.project import Project, ProjectConfig, load_project
from salesml.config.sources import WHOLE, Checks, ColumnConfig, SourceConfig, SourcesConfig
from salesml.config.tasks import Band, ExportConfig, TargetConfig, TaskConfig
from salesml.config.values import Days, Words, days

__all__ = [
    "WHOLE",
    "Band",
    "Checks",
    "ColumnConfig",
    "Days",
    "ExportConfig",
    "Project",
    "ProjectConfig",
    "SourceConfig",
    "SourcesConfig",
    "TargetConfig",
    "TaskConfig",
    "Words",
    "days",
    "load_project",
]
