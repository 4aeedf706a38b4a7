"""Feed what the services read (artefacts, files of tweets, messages) with damage, in processes that are watched.

`python -m tests.fuzz --kind archive --seed 7` repeats one case; `make fuzz` runs thousands.
"""
