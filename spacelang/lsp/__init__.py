"""The editor service. Comes in: texts that are being written, and a place in one. Goes out: what an editor shows.

One file a feature, each a pure function of a text, an offset in it and a loader of other texts; places are offsets
and spans, as everywhere. `positions` turns these into an editor's lines and columns; `opened` and `server` are
the thin shell that speaks the protocol, and nothing else imports pygls.
"""
