"""Signing in to Salesforce without a password: client credentials or a signed JWT."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import jwt

from salesml.crm.sign_in import bearer, token_answer
from salesml.errors import SourceError

__all__ = ["SalesforceSignIn", "is_sandbox"]

# https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_VALID_SECONDS = 180
_SANDBOX = re.compile(r"(^|\.)test\.salesforce\.com$|\.(sandbox|scratch)\.|--[^.]+\.|^cs\d+\.")


def is_sandbox(host: str) -> bool:
    """Whether *host* is named as sandboxes are."""
    return _SANDBOX.search(host.lower()) is not None


@dataclass(frozen=True)
class SalesforceSignIn:
    """Signs in afresh whenever it is called; holds the secrets and shows none.

    Parameters
    ----------
    url : of the org's My Domain; the token must be for this host.
    client_secret : for client credentials; where empty, *username* and *private_key* (PEM) sign a
        JWT.
    """

    name: str
    url: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    username: str = ""
    private_key: str = field(default="", repr=False)

    def __call__(self, client: httpx.Client) -> Mapping[str, str]:
        """The headers of every request; raises SourceError where Salesforce refuses."""
        address = str(httpx.URL(self.url).join("/services/oauth2/token"))
        try:
            answer = token_answer(self.name, client, address, self._form())
        except SourceError as error:
            raise self._with_hint(error) from None
        self._require_home(str(answer.get("instance_url", "")))
        return bearer(answer["access_token"])

    def _form(self) -> dict[str, str]:
        if self.client_secret:
            return {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
            }
        return {"grant_type": _JWT, "assertion": self._assertion()}

    def _assertion(self) -> str:
        kind = "test" if is_sandbox(httpx.URL(self.url).host) else "login"
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": f"https://{kind}.salesforce.com",
            "exp": int(time.time()) + _VALID_SECONDS,
        }
        key = self.private_key.replace("\\n", "\n")  # how many stores keep it in one line
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise SourceError(
                "The private key cannot be used.",
                received="text that is no RSA key in PEM",
                where=f"connection {self.name}, private_key",
                fix="Give the whole file, from -----BEGIN to END-----, without a passphrase.",
            ) from None

    def _with_hint(self, error: SourceError) -> SourceError:
        if not is_sandbox(httpx.URL(self.url).host):
            return error
        fix = "This is the address of a sandbox: it has apps, users and keys of its own."
        return SourceError(error.what, received=error.received, where=error.where, fix=fix)

    def _require_home(self, instance: str) -> None:
        given = httpx.URL(instance).host if instance.startswith("http") else instance
        if given != httpx.URL(self.url).host:
            raise SourceError(
                "Salesforce sends this sign-in to another host, where nothing is sent.",
                received=instance or "no instance_url",
                where=f"connection {self.name}, {self.url}",
                fix="Write the org's own address (Setup, My Domain) as url of the connection.",
            )
