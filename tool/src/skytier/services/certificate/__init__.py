"""The site's certificate, on the machine that visitors come to."""
