"""Work on files of orders without a server: scoring, comparing models, baselines, inspection."""
