"""What the telephone carries of what is written, as data: nothing.

A reply is a call, a text message, or goes another way.
"""

from registry.types import Capabilities, RateLimit

SPOKEN = Capabilities(max_text=0, carries=False, max_attachments=0, rate=RateLimit(per_second=1.0))
"""The rate is of calls that we begin, which a Twilio account may do once a second.

Source: https://www.twilio.com/docs/voice/api/call-resource (calls per second)
"""
