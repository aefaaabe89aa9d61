"""Django settings of a BottleCRM to try things with: no Redis, no mail, nothing outside."""

from typing import Any

from crm.settings import *  # noqa: F403
from crm.settings import DATABASES

# messages are queued in memory, and nobody works them off: they would send mails
CELERY_BROKER_URL = "memory://"
CELERY_RESULT_BACKEND = "cache+memory://"
CELERY_TASK_IGNORE_RESULT = True
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.dummy.EmailBackend"}}

# files of /admin/ straight out of the packages, without collecting them first
WHITENOISE_USE_FINDERS = True


def _forget_organisation(link: Any) -> None:
    """Before a connection serves another request: back to what its role sees."""
    link.execute("reset app.current_org")
    if not link.autocommit:
        link.commit()


DATABASES["default"]["OPTIONS"]["pool"]["reset"] = _forget_organisation
