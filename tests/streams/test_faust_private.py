"""Every private name of Faust that we use is checked for, and the one that is missing is named."""

import pytest
from faust.app.base import App
from faust.topics import Topic
from faust.transport.consumer import Consumer

from streams import faust_private
from streams.embedded import FaustChanged


def test_the_installed_faust_has_every_private_name() -> None:
    faust_private.require_faust()


@pytest.mark.parametrize(
    ("owner", "name"), [(Consumer, "_drain_messages"), (Topic, "_on_published"), (App, "_update_assignment")]
)
def test_a_name_that_is_missing_is_named(owner: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(owner, name)
    with pytest.raises(FaustChanged, match=rf"has no .*{owner.__name__}\.{name} \("):
        faust_private.require_faust()


def test_a_missing_attribute_of_an_instance_is_named() -> None:
    class Conductor:
        pass

    consumer = type("Consumer", (), dict.fromkeys(faust_private.CONSUMER_NAMES))()
    with pytest.raises(FaustChanged, match=r"Conductor\._tp_index"):
        faust_private.require_instances(consumer, Conductor())
