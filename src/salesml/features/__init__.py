"""Features: plain SQL over views that hold only what was known before ``as_of``."""

from salesml.features.compute import compute_set, require_plain_sql, with_links
from salesml.features.definition import (
    Feature,
    FeatureSet,
    load_feature_set,
    load_feature_sets,
)
from salesml.features.examples import run_examples
from salesml.features.snapshots import Snapshots
from salesml.features.truncation import differing, look_ahead
from salesml.features.views import create_source_views, seen_by_each

__all__ = [
    "Feature",
    "FeatureSet",
    "Snapshots",
    "compute_set",
    "create_source_views",
    "differing",
    "load_feature_set",
    "load_feature_sets",
    "look_ahead",
    "require_plain_sql",
    "run_examples",
    "seen_by_each",
    "with_links",
]
