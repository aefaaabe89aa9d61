"""What the report says about writing back to the CRM, in Japanese and English."""

from __future__ import annotations

__all__ = ["EXPORT_WORDS"]

EXPORT_WORDS: dict[str, tuple[str, str]] = {
    "notice_dead": (
        "CRMが受け付けなかった行が{n:,}件あります（{target}）。",
        "Rows that the CRM refused: {n:,} ({target}).",
    ),
    "notice_stopped": (
        "{target}：CRMに最後まで書き込めませんでした。残りは次回の実行で書き込みます。（{why}）",
        "{target}: could not be written to the end; the next run goes on from there. ({why})",
    ),
    "notice_dropped": (
        "{target}：書き込んでもCRMに残らない項目があります（{fields}）。",
        "{target}: the CRM does not keep what is written to {fields}.",
    ),
    "notice_carried": (
        "{target}：CRMの上限のため、{n:,}件を次回に繰り越しました。",
        "{target}: {n:,} rows are carried over to the next run, for the limits of the CRM.",
    ),
    "notice_dry_run": (
        "確認のみの実行（ドライラン）です。CRMには何も書き込んでいません。",
        "Dry run: nothing was written to the CRM.",
    ),
    "write_back": ("CRMへの書き戻し", "Written back to the CRM"),
    "target": ("書き込み先", "Target"),
    "outcome": ("結果", "Outcome"),
    "outcome_written": ("書き込み", "Written"),
    "outcome_planned": ("書き込み予定", "Would be written"),
    "outcome_verified": ("うち読み戻しで確認", "Of these read back"),
    "outcome_unchanged": ("変更なし", "Unchanged"),
    "outcome_already": ("CRMと一致", "Already there"),
    "outcome_kept": ("手入力を優先", "Kept (edited by a person)"),
    "outcome_older": ("より新しい値あり", "Newer value there"),
    "outcome_missing": ("CRMに該当なし", "Missing in the CRM"),
    "outcome_waiting": ("次回に再試行", "To be repeated"),
    "outcome_carried": ("次回に繰り越し", "Carried over"),
    "outcome_dead": ("CRMが拒否", "Refused"),
    "stopped": (
        "{target}：最後まで書き込めませんでした。残りは次回の実行で書き込みます。{why}",
        "{target} could not be written to the end; the next run goes on from there. {why}",
    ),
    "dropped": (
        "{target}：項目「{field}」は、書き込んでもCRMに残りません（確認した{n:,}件）。"
        "項目の名前、種類、権限を確認してください。",
        "{target}: the CRM does not keep what is written to “{field}” ({n:,} records looked at). "
        "Check the name, the type and the rights of the field.",
    ),
    "export_warning": ("{target}：{warning}", "{target}: {warning}"),
    "cases": ("確認が必要なレコードを見る", "Records to look at"),
    "record": ("レコード", "Record"),
    "why": ("内容", "Details"),
    "todo_no_id": (
        "対応：CRM側のレコードIDを行に設定してください。",
        "To do: give the row the id that the CRM knows the record by.",
    ),
    "todo_twice": (
        "対応：同じIDの行が複数あります。1レコード1行にしてください。",
        "To do: give one row a record; nobody can tell which of them is right.",
    ),
    "todo_not_kept": (
        "対応：CRMの入力規則・自動化・権限が値を消していないか確認し、"
        "salesml export retry を実行してください。",
        "To do: see which rule, automation or right of the CRM drops these fields; then run "
        "salesml export retry.",
    ),
    "todo_mend": (
        "対応：値、またはそれを拒否する規則や権限を直し、salesml export retry を実行してください。",
        "To do: mend the value, or the rule or right that refuses it; then run salesml export "
        "retry.",
    ),
    "no_exports": ("書き戻し先は設定されていません。", "No target is configured."),
}
