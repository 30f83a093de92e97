"""TLS and SASL to Kafka: the whole way with them, and what is said when something of it is wrong."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.topics import command as topics_command
from streams.demo.hospital_day import hospital_day
from streams.kafka_access import client_options
from streams.provision import provision_kafka
from streams.settings import SettingsError, load_settings
from tests.servers.certificates import Authority
from tests.servers.kafka import KafkaServer, secured
from tests.streams.brokers import PARTITIONS, EnvironmentBroker
from tests.streams.play import Play, oracle

USER, PASSWORD = "dripcode", "synthetic-secret"
MESSAGES = [message.text for message in hospital_day(3, 8)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def scram_kafka(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[KafkaServer]:
    folder = tmp_path_factory.mktemp("scram-kafka")
    with KafkaServer(folder, settings=secured(authority), users={USER: PASSWORD}) as server:
        yield server


@pytest.fixture
def way_in(scram_kafka: KafkaServer, authority: Authority, tmp_path: Path) -> dict[str, str]:
    """The settings that come in."""
    password = tmp_path / "kafka.password"
    password.write_text(f"{PASSWORD}\n")
    password.chmod(stat.S_IRUSR)
    return {
        "DRIPCODE_BROKER": scram_kafka.broker,
        "DRIPCODE_TOPIC_PREFIX": f"{tmp_path.name.replace('_', '-')}-",
        "DRIPCODE_DATA_DIR": str(tmp_path),
        "DRIPCODE_PARTITIONS": str(PARTITIONS),
        "DRIPCODE_KAFKA_SECURITY": "sasl_ssl",
        "DRIPCODE_KAFKA_CA": authority.file,
        "DRIPCODE_KAFKA_USER": USER,
        "DRIPCODE_KAFKA_PASSWORD_FILE": str(password),
    }


@pytest.mark.kafka
@pytest.mark.slow
def test_a_day_goes_through_tls_and_scram_alone(way_in: dict[str, str]) -> None:
    broker = EnvironmentBroker(way_in)
    play = Play(broker, MESSAGES)
    outcome = play.run()
    assert play.restarts == 0
    assert outcome.lines == oracle(MESSAGES, broker.settings).lines != {}
    assert outcome.balance.received == len(MESSAGES)


@pytest.mark.kafka
def test_the_topics_are_made_once_and_differences_are_named(way_in: dict[str, str]) -> None:
    def apply(**more: str) -> tuple[int, str]:
        done = CliRunner().invoke(topics_command, ["apply"], env={**way_in, **more}, catch_exceptions=False)
        return done.exit_code, done.output

    code, said = apply()
    assert (code, said.splitlines()[-1]) == (0, "11 made, 0 were there")
    assert apply() == (0, "0 made, 11 were there\n")
    code, said = apply(DRIPCODE_REPLICATION="3")
    assert code == 1
    assert "min.insync.replicas is 1, topics.toml says 2" in said


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("wrong", "value"),
    [("KAFKA_PASSWORD_FILE", "not the password"), ("KAFKA_CA", "another authority")],
)
def test_who_does_not_fit_does_not_come_in(way_in: dict[str, str], tmp_path: Path, wrong: str, value: str) -> None:
    other = tmp_path / "other"
    other.write_text(value)
    place = Authority(tmp_path, "Another CA").file if wrong == "KAFKA_CA" else str(other)
    settings = load_settings(environment={**way_in, f"DRIPCODE_{wrong}": place})[0]
    with pytest.raises(SettingsError, match="no Kafka broker answers") as refused:
        asyncio.run(provision_kafka(settings, patience=0.0))
    assert PASSWORD not in str(refused.value)


@pytest.mark.kafka
def test_a_certificate_of_the_broker_s_authority_comes_in_where_one_is_asked_for(
    tmp_path: Path, authority: Authority
) -> None:
    identity = authority.issue("worker-1")
    with KafkaServer(tmp_path, settings=secured(authority, asks_certificate=True)) as server:
        environment = {
            "DRIPCODE_BROKER": server.broker,
            "DRIPCODE_KAFKA_SECURITY": "ssl",
            "DRIPCODE_KAFKA_CA": authority.file,
            "DRIPCODE_PARTITIONS": "1",
        }
        ours = {"DRIPCODE_KAFKA_CERTIFICATE": identity.certificate, "DRIPCODE_KAFKA_KEY": identity.key}
        assert len(asyncio.run(provision_kafka(load_settings(environment={**environment, **ours})[0]))) == 11
        with pytest.raises(SettingsError, match="no Kafka broker answers"):
            asyncio.run(provision_kafka(load_settings(environment=environment)[0], patience=0.0))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kafka_ca": "ca.pem"}, "'kafka_ca' needs 'kafka_security' ssl or sasl_ssl, not plaintext"),
        ({"kafka_user": "dripcode", "kafka_security": "ssl"}, "'kafka_user' needs 'kafka_security' sasl_ssl, not ssl"),
        ({"kafka_security": "sasl_ssl", "kafka_user": "dripcode"}, "needs 'kafka_user' and 'kafka_password_file'"),
        ({"kafka_security": "ssl", "kafka_key": "k.pem"}, "'kafka_key' needs 'kafka_certificate' beside it"),
        ({"kafka_security": "ssl", "kafka_ca": "/nowhere.pem"}, "'kafka_ca': /nowhere.pem cannot be read"),
        (
            {"kafka_security": "sasl_ssl", "kafka_user": "a", "kafka_password_file": "/nowhere"},
            "'kafka_password_file': /nowhere cannot be read",
        ),
    ],
)
def test_settings_that_would_be_passed_over_or_cannot_be_used_are_refused(given: dict[str, str], said: str) -> None:
    settings = load_settings(environment={"DRIPCODE_BROKER": "kafka://127.0.0.1:1"}, given=given)[0]
    with pytest.raises(SettingsError, match=said):
        client_options(settings)
