# SPDX-License-Identifier: ISC
"""What bench/experiment and bench/compare are made of; Python 3.11's standard library only.

In reading order: plan (what is measured, how long), build (percore and its peers), subjects (starting one, its
processes), trials (one measurement each), store (what was measured, as it comes), stats, queues (the simulation),
digest (from trials to figures), targets, charts, report, terminal, compare.  before is a part of bench/overhead and
bench/reliability.
"""
