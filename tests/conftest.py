"""Settings of every test."""

from hypothesis import settings

# How long an example takes says how busy the machine is, not whether the code is right. The same
# examples every time, so that a red run is about the change at hand; to look for new ones:
# pytest --hypothesis-profile=explore
settings.register_profile("dnalib", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("dnalib")
