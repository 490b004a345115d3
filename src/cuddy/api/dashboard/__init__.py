"""`cuddy dashboard`: the API for one page of our own in a browser on this machine.

    the page ──▶ door ──▶ endpoints ──▶ handlers of the API, and a few that only the page needs

door       who may come in: token, host and origin; what the browser may do with what it gets
endpoints  what the page may ask for
files      the page itself: what is in the directory `page`, as it is
samples    what all containers use just now
explain    a container beside the host
layers     what is in the layers of an image
terminal   a shell in a container, which ends with the page
"""
