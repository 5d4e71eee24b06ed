"""Benchmarks that check the answers they time: ``pushforward bench``. Nothing here is part of the library's interface.

``cases`` holds sizes, data and goals; ``truth`` the slow road to the same answers; ``peers`` the others; ``timing`` how time is taken;
``report`` the table. ``rtrl`` puts them together.
"""
