"""What can go wrong with the embedded broker, one sentence per class."""

from streams.log import Explained


class EmbeddedError(Explained):
    """Everything this package raises by itself descends from here.

    EmbeddedError
    ├── StoreFailed           a write failed; nothing later is committed through this store
    ├── SqliteTooOld          the linked SQLite is older than the one we need
    ├── NotABrokerFile        the path holds something else, or a newer format
    ├── BadBrokerUrl          the broker's address cannot be used
    ├── UnknownTopic          a topic was used before anybody created it
    ├── TopicMismatch         a topic exists already with other properties
    ├── BadRecord             a record that could never be stored: partition out of range, no key where one is needed
    ├── BatchOutOfOrder       events to be committed are not the next ones of their partition
    ├── WorkerAlreadyRunning  another process works for the same app id on the same file
    └── FaustChanged          this Faust lacks a private name we rely on
    """


class StoreFailed(EmbeddedError):
    """A write failed (disk full, I/O error, lock never granted): stop, mend the cause, start again."""


class SqliteTooOld(EmbeddedError):
    """The SQLite inside apsw predates the mend of the WAL-reset corruption."""


class NotABrokerFile(EmbeddedError):
    """The file is not one of ours, or was written by a later version."""


class BadBrokerUrl(EmbeddedError):
    """The broker's address has no usable path or an unknown option."""


class UnknownTopic(EmbeddedError):
    """A topic was read or written before anybody created it."""


class TopicMismatch(EmbeddedError):
    """A topic exists already with another partition count or clean-up policy."""


class BadRecord(EmbeddedError):
    """A record names a partition that does not exist, or has no key on a compacted topic."""


class BatchOutOfOrder(EmbeddedError):
    """The events of a batch leave out one that was delivered before them."""


class WorkerAlreadyRunning(EmbeddedError):
    """Another process already works for this app id on this broker file."""


class FaustChanged(EmbeddedError):
    """The installed Faust lacks a private name the transport relies on."""
