"""The forms in which labelled images lie about, one a file.

A form is one function: from what the user wrote after `--data` to a `Listing`, or None where that is something
else. A listing has a `ListedSplit` for each split, with the names of its images and their labels, and with an
`Encoded` that reads the bytes of any of them. `known.FORMS` has all of them.
Then holds: what comes after (order, held-out split, digest, cache, batches) knows no form.
"""
