"""A synthetic hospital day as HL7 v2 messages: written from care plans, knows nothing of parsing or coding."""
