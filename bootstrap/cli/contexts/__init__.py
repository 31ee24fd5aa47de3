"""A docker context over ssh. Docker's own client runs the user's `ssh`, so that must know the managers as well.

`ssh` takes a key and the host's own key from nothing but its configuration: an `ssh://` address cannot carry them. So
the managers' entries stand in a file of our own, and one line in ~/.ssh/config includes it. Nothing else is touched,
and both go with the last context.
"""
