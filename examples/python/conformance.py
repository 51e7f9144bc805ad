"""The client under test: reads a command a line, as JSON, and writes what came of it. See docs/client.md."""

import json
import os
import sys

from wallet_client import OutcomeUnknown, Refused, Wallets


def do(command):
    wallets = Wallets(
        command.get("url", os.environ["WALLET_URL"]),
        os.environ["WALLET_TOKEN"],
        deadline=command.get("deadline", 60),
        try_timeout=command.get("tryTimeout", 20),
    )
    what = command["do"]
    if what in ("post_each", "post_batch"):
        requests = [
            {
                **{name: one[name] for name in ("kind", "amount", "key") if name in one},
                "wallet": wallets.wallet(one["owner"], one["asset"]),
                **({"to": wallets.wallet(one["to"], one["asset"])} if "to" in one else {}),
            }
            for one in command["requests"]
        ]
        if what == "post_batch":
            return [texts(receipt) for receipt in wallets.post_batch(requests)]
        return [
            {"refused": refusal(one)} if isinstance(one, Refused) else {"receipt": texts(one)}
            for one in wallets.post_each(requests)
        ]
    wallet = wallets.wallet(command["owner"], command["asset"])
    if what == "open":
        return wallet.open()
    if what == "balance":
        return texts(wallet.balance())
    if what == "history":
        return [texts(entry) for entry in wallet.history(oldest_first=True, page_size=command.get("pageSize", 100))]
    key = command["key"]
    amount = int(command["amount"]) if "amount" in command else None
    more = {"metadata": command.get("metadata")}
    if what in ("bonus", "hold"):
        more["expires_at"] = command.get("expiresAt")
    if what in ("top_up", "bonus", "spend", "hold"):
        return texts(getattr(wallet, what)(amount, key, **more))
    if what == "transfer":
        return texts(wallet.transfer(wallets.wallet(command["to"], command["asset"]), amount, key, **more))
    if what == "capture":
        return texts(wallet.capture(command["holdId"], key, amount=amount, **more))
    if what == "release":
        return texts(wallet.release(command["holdId"], key, **more))
    if what == "reverse":
        return texts(wallet.reverse(command["transferId"], key, amount=amount, **more))
    raise ValueError(f"no such command: {what}")


def texts(facts):
    """Amounts as texts, as in all of the protocol."""
    return {
        name: str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in facts.items()
    }


def refusal(refused):
    return {"code": refused.code, "detail": texts(refused.detail), "inDoubt": refused.in_doubt}


for line in sys.stdin:
    try:
        result = {"done": do(json.loads(line))}
    except Refused as refused:
        result = {"refused": refusal(refused)}
    except OutcomeUnknown as unknown:
        result = {"unknown": {"keys": unknown.keys, "sent": unknown.sent}}
    print(json.dumps(result), flush=True)
