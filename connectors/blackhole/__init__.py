"""Blackhole: accepts what is posted and swallows what is sent, for staging and load tests."""
