"""Signing in to Salesforce."""

from __future__ import annotations

import pickle

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm.fault_proxy import FaultProxy
from crm.salesforce.conftest import connected
from crm.salesforce.fake import CLIENT, SECRET, USER, Fake
from salesml.crm.salesforce import Salesforce
from salesml.crm.salesforce.sign_in import SalesforceSignIn, is_sandbox
from salesml.errors import ConfigError, SourceError


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def by_key(url: str, private: str, username: str = USER) -> Salesforce:
    spec = {"type": "salesforce", "url": url, "client_id": CLIENT}
    return Salesforce("crm", {**spec, "username": username, "private_key": private})


def test_client_credentials(fake: Fake, crm: Salesforce) -> None:
    assert crm.exists("Account")
    assert not crm.exists("Acount")
    assert fake.counted["sign-ins"] == 1


@pytest.mark.parametrize("one_line", [False, True])
def test_a_jwt_signed_by_the_private_key(
    fake: Fake, address: str, pair: tuple[str, str], one_line: bool
) -> None:
    private, fake.public_key = pair
    key = private.replace("\n", "\\n") if one_line else private
    assert by_key(address, key).exists("Account")


def test_a_user_who_did_not_approve_the_app(
    fake: Fake, address: str, pair: tuple[str, str]
) -> None:
    private, fake.public_key = pair
    with pytest.raises(SourceError, match="invalid_grant") as refused:
        by_key(address, private, "other@example.com").exists("Account")
    assert private[40:80] not in str(refused.value)


def test_a_key_that_is_none(address: str) -> None:
    with pytest.raises(SourceError, match="private key") as refused:
        by_key(address, "-----BEGIN hunter2").exists("Account")
    assert "hunter2" not in str(refused.value)


def test_wrong_credentials_tell_no_secret(address: str) -> None:
    with pytest.raises(SourceError, match="credentials") as refused:
        connected(address, client_secret="hunter2").exists("Account")
    assert "hunter2" not in str(refused.value)
    assert "invalid_client" in str(refused.value)


def test_no_secret_in_what_is_printed(address: str) -> None:
    sign_in = SalesforceSignIn("crm", address, CLIENT, SECRET, "", "key")
    assert SECRET not in repr(sign_in)
    assert "key" not in repr(sign_in)


def test_no_secret_in_the_logs(
    fake: Fake, crm: Salesforce, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    crm.fetch("Account", "ExternalId__c", ["a"], [])
    assert caplog.text
    for secret in (SECRET, *fake.tokens):
        assert secret not in caplog.text


def test_a_token_for_another_host_is_not_used(fake: Fake, crm: Salesforce) -> None:
    fake.instance = "https://elsewhere.my.salesforce.com"
    with pytest.raises(SourceError, match="another host") as refused:
        crm.exists("Account")
    assert "elsewhere" in str(refused.value)
    assert not fake.requests


def test_connections_may_be_pickled(fake: Fake, crm: Salesforce) -> None:
    crm.exists("Account")
    copy = pickle.loads(pickle.dumps(crm))
    assert copy.columns("Account")["Name"] == "string"
    assert copy.columns("Account") == crm.columns("Account")
    assert fake.counted["sign-ins"] == 1  # the copy knows the object already


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"client_secret": ""}, "client_secret, or username"),
        ({"username": "u"}, "client_secret, or username"),
        ({"version": "64"}, "version is not like"),
        ({"environment": "test"}, "neither production nor sandbox"),
        ({"url": "https://acme.lightning.force.com"}, "my.salesforce.com"),
        ({"url": "http://acme.my.salesforce.com"}, "https://"),
        ({"pasword": "x"}, "'pasword' is unknown"),
    ],
)
def test_settings_that_make_no_sense(more: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        connected("https://acme.my.salesforce.com", **more)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("acme-1.scratch.my.salesforce.com", True),
        ("acme--uat.sandbox.my.salesforce.com", True),
        ("acme--uat.my.salesforce.com", True),
        ("test.salesforce.com", True),
        ("cs5.salesforce.com", True),
        ("acme.my.salesforce.com", False),
        ("latest.salesforce.com", False),
        ("127.0.0.1", False),
    ],
)
def test_hosts_of_sandboxes(host: str, expected: bool) -> None:
    assert is_sandbox(host) is expected


def test_credentials_refused_at_a_sandbox_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise SourceError("no", fix="check")

    monkeypatch.setattr("salesml.crm.salesforce.sign_in.token_answer", refuse)
    sign_in = SalesforceSignIn("crm", "https://a--b.sandbox.my.salesforce.com", CLIENT, SECRET)
    with pytest.raises(SourceError, match="sandbox"):
        sign_in(None)  # type: ignore[arg-type]


@pytest.mark.faults
def test_fault_10_the_token_expires_in_the_middle(fake: Fake, crm: Salesforce) -> None:
    fake.token_uses = 1
    for name in ("Account", "Lead", "Contact"):
        assert crm.exists(name)
    assert fake.counted["sign-ins"] == 3


@pytest.mark.faults
@pytest.mark.parametrize(
    "body",
    [
        [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}],
        "Bad_OAuth_Token",
    ],
)
def test_fault_10_a_403_that_means_sign_in(fake: Fake, crm: Salesforce, body: object) -> None:
    fake.script("GET .*describe", 403, body)
    assert crm.exists("Account")
    assert fake.counted["sign-ins"] == 2


@pytest.mark.faults
def test_fault_10_a_403_that_means_no_permission(fake: Fake, crm: Salesforce) -> None:
    body = [{"message": "The REST API is not enabled", "errorCode": "API_DISABLED_FOR_ORG"}]
    fake.script("GET .*limits", 403, body)
    with pytest.raises(SourceError, match="API_DISABLED_FOR_ORG"):
        crm.allowance()
    assert fake.counted["sign-ins"] == 1


@pytest.mark.faults
def test_fault_10_a_sign_in_that_is_refused_again_and_again(fake: Fake, crm: Salesforce) -> None:
    fake.token_uses = 0
    with pytest.raises(SourceError, match="does not accept the sign-in"):
        crm.exists("Account")
    assert fake.counted["sign-ins"] == 2


def test_a_token_endpoint_that_is_down_for_a_moment(proxy: FaultProxy, shaky: Salesforce) -> None:
    proxy.script("down", "POST /services/oauth2/token", times=2)
    assert shaky.exists("Account")
