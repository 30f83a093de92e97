"""The quarterly tables that CMS publishes: read as they are issued, kept in one store, handed to the coding.

Reading is strict and all or nothing: a file that is not as CMS lays it out is refused with its line, and then nothing
of it is kept. No code descriptor is kept: those of CPT are the AMA's.
"""
