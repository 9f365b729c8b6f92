"""What is said about a row, in the languages that offices work in: a sentence and what to do next, by the reason's code.

`{0}`, `{last}` are the numbers in the English sentence, `{place}` is where another row stands. A code without a
translation is told in English.
"""
