"""Run inside Django's environment: the tables of BottleCRM, and one user without a password."""

from __future__ import annotations

import gc
import logging
import os
import uuid
from contextlib import redirect_stdout
from pathlib import Path

import django
from django.core.management import call_command

# half of the time would go into collecting models of former migrations; costs a gigabyte
gc.set_threshold(1_000_000)
logging.disable(logging.WARNING)
django.setup()
with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
    call_command("migrate", verbosity=0)

from django.contrib.auth import get_user_model  # noqa: E402  models need setup

get_user_model().objects.create_superuser(
    id=uuid.UUID(int=1), email=os.environ["SALESML_USER"], password=None
)
