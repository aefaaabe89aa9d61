"""kintone, by its REST interface (https://cybozu.dev/ja/kintone/docs/rest-api)."""

from salesml.crm.kintone.connection import Kintone

__all__ = ["Kintone"]
