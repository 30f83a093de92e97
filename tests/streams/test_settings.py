"""Settings: where they come from, and what is said when they cannot be used."""

from datetime import timedelta
from pathlib import Path

import pytest

from streams.settings import SettingsError, load_settings, read_duration, split_address


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("4h", timedelta(hours=4)),
        ("30d", timedelta(days=30)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert read_duration(text) == duration


@pytest.mark.parametrize("text", ["", "4", "h", "4 hours", "-4h", "1.5h"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="90s"):
        read_duration(text)


def test_the_environment_wins_over_the_file_and_an_option_over_both(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text('setting = "professional"\npayer = "medicare"\nclose_after_discharge = "2h"\n')
    environment = {"DRIPCODE_PAYER": "commercial", "DRIPCODE_CONFIG": str(config)}
    settings, sources = load_settings(environment=environment, given={"close_after_discharge": "1h", "policy": None})
    assert (settings.setting, settings.payer) == ("professional", "commercial")
    assert settings.close_after_discharge == timedelta(hours=1)
    assert sources == {
        "setting": str(config),
        "payer": "environment variable DRIPCODE_PAYER",
        "close_after_discharge": "command line",
    }


def test_without_anything_the_broker_is_a_file_in_the_data_folder() -> None:
    settings, sources = load_settings(environment={})
    assert settings.is_embedded
    assert settings.broker_url == f"sqlite:///{Path('dripcode-data/broker.db').absolute()}"
    assert sources == {}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"DRIPCODE_BROKR": "x"},
            "environment variable DRIPCODE_BROKR: unknown setting 'brokr'; did you mean 'broker'?",
        ),
        ({"DRIPCODE_BROKER": "redis://x"}, "'broker' must begin with sqlite:/// or kafka://"),
        ({"DRIPCODE_SETTING": "hospital"}, "'setting' must be one of facility, professional"),
        (
            {"DRIPCODE_CLOSE_AT_AGE": "a month"},
            "'close_at_age' cannot be used: a duration is a whole number and a unit",
        ),
        ({"DRIPCODE_PARTITIONS": "many"}, "'partitions' cannot be used"),
        ({"DRIPCODE_PARTITIONS": "0"}, "must be at least 1"),
        ({"DRIPCODE_TIME_ZONE": "Chicago"}, "'time_zone' must be an IANA name"),
        ({"DRIPCODE_PLACE_OF_SERVICE": "9"}, "'place_of_service' must be the two digits"),
        ({"DRIPCODE_PUBLISH_EVENTS": "perhaps"}, "'publish_events' cannot be used: true or false"),
        ({"DRIPCODE_CONFIG": "/nowhere/site.toml"}, "/nowhere/site.toml: cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_the_way_out(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(environment=environment)
    assert said in str(wrong.value)


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text("payer = \n")
    with pytest.raises(SettingsError, match=r"is not TOML.*line 1"):
        load_settings(config, environment={})


def test_an_address_is_a_host_and_a_port() -> None:
    assert split_address("127.0.0.1:2575", "mllp_listen") == ("127.0.0.1", 2575)
    assert split_address("[::1]:80", "web_listen") == ("::1", 80)
    with pytest.raises(SettingsError, match="mllp_listen"):
        split_address("2575", "mllp_listen")
