"""What a user can ask for, one use case a file: a request in, a result out, told meanwhile through an observer.

A request is a value that others have made of words, a text or a call; a result is a value that others show. Nothing
here prints, ends the process, reads its command line or knows a text; what a user can mend is raised as `Failure`.
Importing a use case imports no torch, so that a request that cannot be is answered at once. Under torchrun every
process makes the same call; those that only help get no result.
"""
