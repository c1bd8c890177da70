"""How it looks: plain rows in; text, HTML and figures out."""
