"""What follows from a space: its legal options, its plan, its costs, its exact arithmetic and its operators.

Comes in: a Space. Go out: plain values and pure functions of them; `lowered.lower` joins those that a job needs.
numpy is imported by the modules that compute with it, and by nothing that only checks a text.
"""
