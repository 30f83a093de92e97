"""What a site's settings make of reading and coding: the sender's profile, the policy, the formulary."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import coding
from streams.apply import Rules
from streams.assemble import Site
from streams.close import Patience
from streams.embedded.partitioner import partition_for
from streams.senders import parser_of
from streams.settings import Settings, SettingsError


@dataclasses.dataclass(frozen=True, slots=True)
class Coder:
    """Coding under the policy of each payer, one formulary and one set of published tables."""

    policy: coding.Policy  # of the payer that the settings name
    formulary: coding.Formulary
    tables: coding.Tables
    overrides: Mapping[str, object] | None = None  # the site's policy file
    others: dict[str, coding.Policy] = dataclasses.field(default_factory=dict, compare=False)

    def policy_of(self, payer: str) -> coding.Policy:
        """The policy of a payer; loaded once."""
        if payer == self.policy.payer:
            return self.policy
        if payer not in self.others:
            self.others[payer] = coding.load_policy(self.policy.setting, payer, self.overrides)
        return self.others[payer]

    def code(self, encounter: coding.Encounter) -> coding.CodedEncounter:
        """What an encounter comes to for itself."""
        return coding.code_encounter(encounter, self.policy_of(encounter.payer), self.formulary, self.tables)

    def code_beside(
        self, encounter: coding.Encounter, beside: Sequence[coding.Encounter]
    ) -> coding.CodedEncounter | None:
        """What an encounter comes to on one claim with those beside it; None when it has no lines of its own there."""
        if not beside:
            return self.code(encounter)
        group = sorted((encounter, *beside), key=lambda one: one.encounter_id)
        coded = coding.code_day(group, self.policy_of(encounter.payer), self.formulary, self.tables)
        return next((one for one in coded if one.encounter_id == encounter.encounter_id), None)


def coder_of(settings: Settings) -> Coder:
    """The policy and formulary that the settings name, and what was imported into data_dir.

    Raises SettingsError naming the file and the line.
    """
    try:
        overrides = coding.read_policy_overrides(_text(settings.policy), settings.policy) if settings.policy else None
        policy = coding.load_policy(coding.Setting(settings.setting), settings.payer, overrides)
        formulary = coding.default_formulary()
        if settings.formulary:
            formulary = formulary.with_site_rows(_text(settings.formulary), settings.formulary)
    except (coding.PolicyError, coding.FormularyError) as wrong:
        raise SettingsError(str(wrong)) from None
    return Coder(policy, formulary, _tables(settings.data_dir), overrides)


def _tables(data_dir: Path) -> coding.Tables:
    """The built-in tables, with what was imported into the site's store on top. Raises SettingsError."""
    if not (data_dir / "tables.db").exists():
        return coding.builtin_tables()
    # Readers of every layout come with it, and most sites' `dripcode code` needs none.
    from streams.published.for_coding import tables_of  # noqa: PLC0415
    from streams.published.store import StoreError  # noqa: PLC0415

    try:
        return tables_of(data_dir)
    except StoreError as wrong:
        raise SettingsError(str(wrong)) from None


def site_of(settings: Settings) -> Site:
    return Site(
        coding.Setting(settings.setting),
        settings.payer,
        settings.place_of_service,
        settings.time_zone,
        read_payer_map(settings.payer_map) if settings.payer_map else {},
        settings.recurring,
    )


def read_payer_map(path: str) -> dict[str, str]:
    """Payers by the plan or insurer that messages name: one [payers] table. Raises SettingsError."""
    try:
        given = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as wrong:
        raise SettingsError(f"{path}: is not TOML: {wrong}") from None
    payers = given.get("payers")
    if list(given) != ["payers"] or not isinstance(payers, dict):
        raise SettingsError(f"{path}: holds one [payers] table and nothing else")
    for name, payer in payers.items():
        if not isinstance(payer, str) or not payer:
            raise SettingsError(f"{path}: payer of {name!r} must be a text")
    return payers


def rules_of(settings: Settings) -> Rules:
    patience = Patience.of(
        settings.close_after_discharge,
        settings.close_after_quiet,
        settings.close_at_age,
        settings.reissue_until,
        settings.facts_kept,
    )
    if settings.look_after:
        patience = dataclasses.replace(patience, look_after=settings.look_after.total_seconds())
    return Rules(
        parse=parser_of(settings),
        site=site_of(settings),
        patience=patience,
        publish_events=settings.publish_events,
        owner=lambda patient: partition_for(patient.encode(), range(settings.partitions)),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as wrong:
        raise SettingsError(f"{path}: cannot be read: {wrong.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8 text") from None
