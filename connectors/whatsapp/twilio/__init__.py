"""A number at Twilio."""
