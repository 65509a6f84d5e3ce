"""WhatsApp: a business number at Meta's Cloud API, or at Twilio."""
