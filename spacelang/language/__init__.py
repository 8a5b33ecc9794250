"""The one table of words: what the language calls things, what each may be, what holds by default, what it means.

Comes in: nothing. Goes out: values. Checker, recipes, completion, hover, JSON, `--set`, highlighting and the help
of the command line read them here and list no words of their own: a word is known to all of them or to none.
word (what is known of one), domain (what one may be), dimensions, trunk and recipes (the names that take a value),
measures (what a whole network is measured by), vocabulary (the rest: blocks, keywords, values and functions), words
(all of it together) and meant (slips, and the words of other systems).
"""
