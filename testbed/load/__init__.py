"""Open-loop load: requests leave at random times that never wait for answers, and each one is recorded."""

from testbed.load.generator import LoadGenerator
from testbed.load.samples import ArmSummary, Sample, Summary, summarize

__all__ = ["ArmSummary", "LoadGenerator", "Sample", "Summary", "summarize"]
