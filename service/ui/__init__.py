"""Pages: what reviewers and analysts see under /ui, in HTML without JavaScript; nothing there records or counts an order."""
