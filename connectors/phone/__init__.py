"""The telephone, through Twilio's Programmable Voice."""
