"""Run inside Django's environment: one organisation with the sample's records, and who may use it.

``load_sample.py CRM.SQLITE FOLDER`` leaves user, password and token in ``FOLDER/access.json``.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import database
import django
from django.db import connection, models, transaction

django.setup()

from accounts.models import Account  # noqa: E402  models need setup
from common.models import (  # noqa: E402
    CustomFieldDefinition,
    Org,
    PersonalAccessToken,
    Profile,
    User,
)
from leads.models import Lead  # noqa: E402
from opportunity.models import DealPipeline, DealStage, Opportunity  # noqa: E402

Row = sqlite3.Row
_TEXT, _NUMBER, _DATE, _LONG = "text", "number", "date", "textarea"
_OURS = {
    "Account": {"account_id": _TEXT, "owner_id": _TEXT, "segment": _TEXT, "industry": _TEXT},
    "Lead": {
        "lead_id": _TEXT,
        "owner_id": _TEXT,
        "source": _TEXT,
        "campaign": _TEXT,
        "industry": _TEXT,
        "employees": _NUMBER,
        "account_id": _TEXT,
        "opportunity_id": _TEXT,
    },
    "Opportunity": {
        "opportunity_id": _TEXT,
        "account_id": _TEXT,
        "lead_id": _TEXT,
        "owner_id": _TEXT,
        "product": _TEXT,
        "kind": _TEXT,
        "loss_reason": _TEXT,
    },
}
"""Custom fields of the sample's own columns."""
_SCORES = {"Account": "churn", "Lead": "lead", "Opportunity": "win"}
_STAGES = {  # code, label and kind of the sample's stages
    "アポ取得": "open",
    "ヒアリング": "open",
    "提案": "open",
    "見積": "open",
    "交渉": "open",
    "受注": "won",
    "失注": "lost",
}
_LEAD_STATUS = {
    "新規": "assigned",
    "架電中": "in process",
    "育成中": "in process",
    "商談化": "converted",
    "対象外": "closed",
    "重複": "closed",
}


def main() -> None:
    sample, folder = Path(sys.argv[1]), Path(sys.argv[2])
    if (folder / "access.json").exists():
        return
    print("Loading the sample's accounts, leads and opportunities …", flush=True)
    with transaction.atomic():
        user = User.objects.get(email=database.USER)
        password = secrets.token_urlsafe(9)
        user.set_password(password)
        user.save()
        org = _organisation()
        profile = Profile.objects.create(user=user, org=org, role="ADMIN")
        token, _ = PersonalAccessToken.generate(profile, "salesml")
        _fields(org)
        _load(sample, org)
    database.show_always(Path(os.environ["DBHOST"]), str(org.id))
    _note(folder / "access.json", {"user": user.email, "password": password, "token": token})


def _organisation() -> Org:
    org = Org.objects.create(name="サンプル株式会社", default_currency="JPY", timezone="Asia/Tokyo")
    with connection.cursor() as cursor:
        cursor.execute("select set_config('app.current_org', %s, false)", [str(org.id)])
    return org


def _fields(org: Org) -> None:
    CustomFieldDefinition.objects.bulk_create(
        CustomFieldDefinition(
            org=org,
            target_model=model,
            key=key,
            label=key,
            field_type=kind,
            is_filterable=key == next(iter(_OURS[model])),
            display_order=order,
        )
        for model, own in _OURS.items()
        for order, (key, kind) in enumerate((own | _score_fields(_SCORES[model])).items())
    )


def _score_fields(task: str) -> dict[str, str]:
    return {
        f"salesml_{task}_score": _NUMBER,
        f"salesml_{task}_band": _TEXT,
        f"salesml_{task}_probability": _NUMBER,
        f"salesml_{task}_reasons": _LONG,
        "salesml_scored_on": _DATE,
    }


def _load(sample: Path, org: Org) -> None:
    for model in (Account, Lead, Opportunity):
        for name in ("created_at", "updated_at"):  # the sample's times, not the present one
            field = model._meta.get_field(name)
            field.auto_now = field.auto_now_add = False
    with closing(sqlite3.connect(sample)) as link:
        link.row_factory = sqlite3.Row
        names: set[str] = set()
        accounts = {row["account_id"]: _account(row, org, names) for row in _rows(link, "accounts")}
        _create(Account, accounts.values())
        _create(Lead, (_lead(row, org) for row in _rows(link, "leads")))
        pipeline, codes = _pipeline(org)
        deal = _deals(org, accounts, pipeline, codes)
        _create(Opportunity, (deal(row) for row in _rows(link, "opportunities")))


def _rows(link: sqlite3.Connection, table: str) -> Iterator[Row]:
    """The newest row of each record: some of the sample's stand there twice."""
    key = {"accounts": "account_id", "leads": "lead_id", "opportunities": "opportunity_id"}[table]
    newest = f"select *, max(updated_at) from {table} where {key} is not null group by {key}"
    return iter(link.execute(newest))


def _create(model: type[models.Model], records: Any) -> None:
    model.objects.bulk_create(list(records), batch_size=500)


def _account(row: Row, org: Org, names: set[str]) -> Account:
    name = row["name"]
    if name.lower() in names:  # BottleCRM takes each name once
        name = f"{name} {row['account_id']}"
    names.add(name.lower())
    return Account(
        org=org,
        name=name,
        number_of_employees=_count(row["employees"]),
        annual_revenue=_count(row["annual_revenue"]),
        currency="JPY",
        state=row["prefecture"],
        country="JP",
        custom_fields=_kept(row, "Account"),
        **_times(row),
    )


def _lead(row: Row, org: Org) -> Lead:
    return Lead(
        org=org,
        title=row["company"],
        company_name=row["company"],
        first_name="",
        last_name=row["person"],
        job_title=row["job_title"],
        state=row["prefecture"],
        country="JP",
        status=_LEAD_STATUS[row["status"]],
        custom_fields=_kept(row, "Lead"),
        **_times(row),
    )


def _pipeline(org: Org) -> tuple[DealPipeline, dict[str, str]]:
    pipeline = DealPipeline.objects.create(org=org, name="営業", is_default=True)
    codes = {label: f"STAGE_{order}" for order, label in enumerate(_STAGES, start=1)}
    DealStage.objects.bulk_create(
        DealStage(
            org=org, pipeline=pipeline, code=codes[label], label=label, kind=kind, order=order
        )
        for order, (label, kind) in enumerate(_STAGES.items(), start=1)
    )
    return pipeline, codes


def _deals(
    org: Org, accounts: dict[str, Account], pipeline: DealPipeline, codes: dict[str, str]
) -> Callable[[Row], Opportunity]:
    kinds = {"new": "NEW_BUSINESS", "renewal": "RENEWAL", "upsell": "UPSELL"}

    def deal(row: Row) -> Opportunity:
        return Opportunity(
            org=org,
            account=accounts.get(row["account_id"]),
            name=f"{row['name']} {row['opportunity_id']}",  # BottleCRM takes each name once
            pipeline=pipeline,
            stage=codes[row["stage"]],
            opportunity_type=kinds.get((row["kind"] or "").strip().lower()),
            amount=_count(row["amount"]),
            currency="JPY",
            probability={"won": 100, "lost": 0}.get(_STAGES[row["stage"]], 50),
            closed_on=(row["closed_at"] or row["expected_close"] or "")[:10] or None,
            stage_changed_at=_time(row["updated_at"]),
            custom_fields=_kept(row, "Opportunity"),
            **_times(row),
        )

    return deal


def _kept(row: Row, model: str) -> dict[str, Any]:
    """The sample's own columns as custom fields; BottleCRM keeps no empty ones."""
    found = {key: row[key] for key in _OURS[model]}
    return {key: value for key, value in found.items() if value not in (None, "")}


def _count(value: Any) -> int | None:
    """Some of the sample's numbers are impossible, and BottleCRM takes none of these."""
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def _times(row: Row) -> dict[str, dt.datetime]:
    return {name: _time(row[name]) for name in ("created_at", "updated_at")}


def _time(text: str) -> dt.datetime:
    tokyo = dt.timezone(dt.timedelta(hours=9))
    return dt.datetime.fromisoformat(text).replace(tzinfo=tokyo)


def _note(path: Path, access: dict[str, str]) -> None:
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(access))
    part.replace(path)


if __name__ == "__main__":
    main()
