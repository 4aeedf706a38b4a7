"""Tests of every part; run them with `make test`."""

import os

# Before torch is imported: its threads must not spin on cores that the servers under test need.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
