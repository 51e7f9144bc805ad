"""A shop: sells credits, sells a sword, and is refused. Needs WALLET_URL and WALLET_TOKEN (role service)."""

import os

from wallet_client import Refused, Wallets

wallets = Wallets(os.environ["WALLET_URL"], os.environ["WALLET_TOKEN"])
wallet = wallets.wallet("dana", "GOLD")

print("wallet", wallet.open()["id"])
print("bought", wallet.top_up(100, "payment-1")["balance"])
print("spent, left", wallet.spend(30, "order-1", metadata={"item": "sword"})["balance"])

again = wallet.spend(30, "order-1", metadata={"item": "sword"})
print("the same key again: booked before", str(again["replayed"]).lower())

try:
    wallet.spend(500, "order-2")
except Refused as refused:
    print(refused.code, "available", refused.detail["available"], "requested", refused.detail["requested"])

for entry in wallet.history(oldest_first=True):
    print(entry["seq"], entry["kind"], entry["side"], entry["amount"], entry["balance"])
