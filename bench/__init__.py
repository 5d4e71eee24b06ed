"""Benchmarks that check the answers they time: ``pushforward bench``. Nothing here is part of the library's interface.

``cases`` holds sizes, data and goals; ``truth`` and ``approximate`` the slow roads to the same answers; ``peers`` and ``modules`` the others;
``timing`` how time is taken; ``report`` the table; ``suite`` what puts them together. The suites are ``rtrl``, ``cells``,
``carries``, ``reservoirs``, ``koopman`` and ``theory``.
"""
