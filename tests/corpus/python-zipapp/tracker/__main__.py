import sys

from ledger import balance

with open(sys.argv[1], "w") as file:
    print(balance([("rent", -900), ("salary", 2100), ("food", -310)]), file=file)
