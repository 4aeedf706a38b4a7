"""Load, hold and swap the champion."""
