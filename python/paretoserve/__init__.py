"""Trade-offs of LLM serving: plan, simulate, schedule and choose.

Parts are imported when used: ``paretoserve.pareto``, ``sched``, ``cost``, ``sim`` and ``plan``. Importing the package
loads numpy only.
"""
