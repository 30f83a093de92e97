"""HL7 v2 text in, typed events out. Pure: bytes and a sender's profile go in, and the same always comes out."""

from hl7_parsers.errors import HL7Error, MissingPatient, UnreadableMessage, UnsupportedMessage
from hl7_parsers.events import AnyEvent, Message
from hl7_parsers.message import STANDARD, Peek, parse_message, peek
from hl7_parsers.profile import ProfileError, SenderProfile, load_profile, profile_names, profile_text, read_profile
from hl7_parsers.splitting import RawMessage, split_messages
from hl7_parsers.suggest import Fit, SenderReport, report_senders

__all__ = [
    "STANDARD",
    "AnyEvent",
    "Fit",
    "HL7Error",
    "Message",
    "MissingPatient",
    "Peek",
    "ProfileError",
    "RawMessage",
    "SenderProfile",
    "SenderReport",
    "UnreadableMessage",
    "UnsupportedMessage",
    "load_profile",
    "parse_message",
    "peek",
    "profile_names",
    "profile_text",
    "read_profile",
    "report_senders",
    "split_messages",
]
