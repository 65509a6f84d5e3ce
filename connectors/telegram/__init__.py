"""Telegram: a bot's private chats."""
