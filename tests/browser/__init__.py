"""The pages as a browser shows them: Chromium, driven by Playwright."""
