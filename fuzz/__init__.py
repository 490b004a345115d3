"""`make fuzz`: foreign bytes for every parser of them, as bad as two engines can think of.

    python -m fuzz [--seconds N] [--engine atheris|hypothesis] [TARGET...]

Atheris finds its way by coverage, hypothesis by trying; both feed the same targets (targets.py). A
target may raise what its parser says it raises and nothing else, and has a time for each input.
What fails is printed and kept in `.fuzz/`, from where it is tried first the next time.
"""
