"""Fixtures and builders that tests of the chassis and of the services import; never imported by product code."""
