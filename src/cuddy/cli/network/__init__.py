"""Commands about networks, one verb a file.

why      whether, and why, one reaches another
"""
