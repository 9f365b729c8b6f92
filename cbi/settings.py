"""Every setting of a deployment, typed, in one place; each is an environment variable `CBI_…`."""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """What the deployment decides. `.env.example` lists the same names; a test compares."""

    model_config = SettingsConfigDict(env_prefix="CBI_", env_file=".env", extra="ignore")

    data_dir: Path = Path(".cbi-data")
    """Where the embedded database, the master key and the phone simulator keep their files."""

    database_url: SecretStr | None = None
    """PostgreSQL that the application signs in to, as a role that owns nothing. Absent: the embedded PostgreSQL."""

    owner_database_url: SecretStr | None = None
    """The same database as its owner; only `office create` and `db upgrade` use it."""

    frozen_after_seconds: int = Field(default=900, ge=1)
    """A process that says nothing for so long in the middle of a transaction loses it, and what it locked is free."""

    queue_schema: str = "procrastinate"
    """Where the background queue keeps its own tables, apart from every office."""

    master_key: SecretStr | None = None
    """32 bytes, base64. Every other key is derived from it. It must never be in the database or its backups."""

    master_key_file: Path | None = None
    """Where to read the master key instead. Absent both: a file in the data folder, made at first start."""

    wrapping_keys_file: Path | None = None
    """Where the keys stand that people's own keys are sealed under (`cbi keys rotate`). Absent: in the data folder."""

    witness_dir: Path | None = None
    """Where this machine remembers how far it saw each office's audit log. Absent: beside the data folder."""

    office: str | None = None
    """The office a command works in when `--office` is not given."""

    providers: Annotated[tuple[str, ...], NoDecode] = ("post_office",)
    """The financial service providers this deployment may use (comma-separated). No other is ever loaded."""

    sources: Annotated[tuple[str, ...], NoDecode] = ()
    """Where submissions of forms are fetched from (comma-separated names); see docs/sources.md. None: nowhere."""

    recall_minutes: int = 15
    """How long after the last signature a run can still be recalled before it is released."""

    disputed_after_days: int = Field(default=7, ge=1)
    """How many days after it was sent a payment that nobody knows about is set apart in the books as disputed."""

    fx_rate_days: int = Field(default=31, ge=0)
    """How many days old an exchange rate may be where amounts in two currencies are compared. An older one is refused."""

    reassess_within_days: int = Field(default=90, ge=1)
    """Within how many days a household is to be assessed again whose needs or bands came with a split or merge."""

    exchange_lines_a_day: int = Field(default=100_000, ge=1)
    """How many keyed hashes of other agencies are compared with the registry in a day, so that nobody tries all names."""

    keep_households_days: int = Field(default=730, ge=30)
    """How long a household's data is kept after it takes no part any more, and its last change and payment; then it goes."""

    keep_texts_days: int = Field(default=365, ge=30)
    """How long the words that recipients wrote are kept once they were dealt with."""

    keep_answers_days: int = Field(default=730, ge=30)
    """How long what a household answered is kept after its assessment; then it is to be destroyed, and its score stays."""

    keep_rejected_rows_days: int = Field(default=90, ge=7)
    """How long the cells of rows that could not land are kept for somebody to mend them."""

    rejected_rows_a_day: int = Field(default=10_000, ge=1)
    """How many rejected rows one person may take back to the field within 24 hours, in encrypted workbooks."""

    export_rows: int = Field(default=500, ge=1)
    """How many people a list that leaves the house may hold before a second person has to approve it."""

    export_rows_a_day: int = Field(default=1000, ge=1)
    """The same for all lists together that one person asks for within 24 hours."""

    export_rows_a_day_office: int = Field(default=5000, ge=1)
    """The same for all lists that anybody of the office asks for within 24 hours and that nobody has approved."""

    exports_a_day: int = Field(default=5, ge=1)
    """How many lists one person may ask for within 24 hours before a second person has to approve the next."""

    export_hours: int = Field(default=24, ge=1, le=336)
    """How long after it was asked for a list can be fetched."""

    sms_transport: str = "simulator"
    """How texts leave: `simulator` (files in the data folder), `kannel`, or `http` (any other gateway). See docs/sms.md."""

    sms_sender: str | None = None
    """What texts come from: a short number or name that the network knows. Absent: what the gateway uses."""

    sms_kannel_url: str = "http://127.0.0.1:13013/cgi-bin/sendsms"
    """Where Kannel takes texts (`sendsms-port` of its group smsbox)."""

    sms_kannel_user: str | None = None
    sms_kannel_password: SecretStr | None = None
    """As in Kannel's group sendsms-user."""

    sms_http_template: Path | None = None
    """The file that describes any other gateway (TOML), for `http`."""

    sms_http_secret: SecretStr | None = None
    """What stands for `{{secret}}` in that file: the gateway's key, kept out of the file."""

    sms_callback_url: str | None = None
    """This server as the gateway reaches it, such as `http://127.0.0.1:8750`. Absent: no delivery reports are asked for."""

    sms_callback_secret: SecretStr | None = None
    """What the gateway shows when it brings texts or reports. Absent: texts that come in are refused."""

    public_forms: bool = False
    """Whether anybody may register themself, refer somebody or ask a question at `/apply`, without signing in."""

    public_requests_a_day: int = Field(default=50, ge=1)
    """How many requests and questions are taken in from one address in a day; a partner's are not counted."""

    host: str = "127.0.0.1"
    port: int = 8750
    trusted_proxies: str = "127.0.0.1"
    """Addresses of the proxies in front of `cbi serve`, with commas: from them alone the visitor's own address is taken
    (`X-Forwarded-For`). A proxy that is not named makes all visitors one, who share its limits of tries and requests.
    """

    demo: bool = False
    """Demonstration: made-up people, a phone simulator readable over HTTP. Refused on a database that is not a demo's."""

    @field_validator(
        "database_url",
        "owner_database_url",
        "master_key",
        "master_key_file",
        "wrapping_keys_file",
        "office",
        "sms_sender",
        "sms_kannel_user",
        "sms_kannel_password",
        "sms_http_template",
        "sms_http_secret",
        "sms_callback_url",
        "sms_callback_secret",
        mode="before",
    )
    @classmethod
    def _empty_is_absent(cls, value: object) -> object:
        return value or None

    @field_validator("providers", "sources", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
