"""Claim lines in the words of those who take them: one small module for each format, all over the same charge."""
