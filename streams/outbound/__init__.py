"""Claim lines on their way out of the topics: what stands, what changed, what was delivered."""
