"""A client of the wallet service in Python, by the standard library alone.

Every call that books takes an idempotency key. It is sent again, always the same, until it is answered or its time is
over, so it is booked once at most:

    wallets = Wallets("http://localhost:5678", token)
    receipt = wallets.wallet("alice", "GOLD").spend(30, "order-42")

Two errors to know: Refused (the service said no, nothing has changed) and OutcomeUnknown (ask again, with its key).
Amounts are whole minor units: int in, int out.
"""

import email.utils
import hashlib
import http.client
import json
import random
import socket
import time
import urllib.error
import urllib.request
import uuid

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
# Answers after which the same call is sent again: it was not booked, or it is not known.
AGAIN = {"RETRY", "TIMEOUT", "INTERNAL", "RATE_LIMITED"}
AMOUNTS = {
    "seq", "amount", "bonusAmount", "heldAmount", "balance", "bonusBalance", "heldBalance", "available", "owed",
    "requested", "left", "min", "max", "missing",
}  # fmt: skip
RECEIPT = (
    "transferId walletId seq kind amount bonusAmount balance bonusBalance heldBalance available holdId replayed owed"
    " inFlight createdAt"
)
ENTRY = (
    "seq kind side amount bonusAmount heldAmount balance bonusBalance heldBalance counterparty createdAt transferId"
    " transfer{idemKey actor metadata}"
)


class Refused(Exception):
    """The service said no: `code` says why, `detail` has the facts, `hint` says what to do.

    `in_doubt`: an earlier try got no final answer, and may still be booked; the same call with the same key tells.
    """

    def __init__(self, error, in_doubt=False):
        super().__init__(error["message"])
        extensions = error.get("extensions") or error
        self.code = extensions["code"]
        self.detail = with_amounts(extensions.get("detail") or {})
        self.hint = extensions.get("hint", "")
        self.in_doubt = in_doubt


class OutcomeUnknown(Exception):
    """No answer in time. It may have been booked: the same call with the same key tells.

    `keys` are those of the call; `sent` is False where it is certain that nothing got to the service.
    """

    def __init__(self, keys, sent, cause):
        super().__init__(f"outcome unknown: {cause}")
        self.keys = keys
        self.sent = sent


class Wallets:
    """A client of the service at `url`. `token` is a text, or a function that gives it, asked before each try."""

    def __init__(self, url, token, deadline=30.0, try_timeout=10.0):
        self._address = url.rstrip("/") + "/graphql"
        self._token = token
        self._deadline = deadline
        self._try_timeout = try_timeout

    def wallet(self, owner, asset):
        """An owner's wallet of an asset. Asks nobody: open() opens it."""
        return Wallet(self, owner, asset)

    def post_each(self, requests, deadline=None):
        """Books many movements in one call, each for itself: for each, in order, its receipt or a Refused."""
        fields = f"outcomes{{receipt{{{RECEIPT}}}refusal{{code message detail hint}}}}"
        outcomes, in_doubt = self._mutate("PostEach", fields, *_many(requests), deadline)
        return [
            Refused(one["refusal"], in_doubt) if one["refusal"] else with_amounts(one["receipt"]) for one in outcomes
        ]

    def post_batch(self, requests, deadline=None):
        """Books many movements in one call, all or none: their receipts, in order."""
        receipts, _ = self._mutate("PostBatch", f"receipts{{{RECEIPT}}}", *_many(requests), deadline)
        return [with_amounts(one) for one in receipts]

    def _mutate(self, name, result, given, keys, deadline):
        query = f"mutation($input:Wallet{name}Input!){{payload:wallet{name}(input:$input){{result:{result}}}}}"
        data, in_doubt = self.call(query, {"input": given}, keys, deadline)
        return data["payload"]["result"], in_doubt

    def call(self, query, variables, keys=(), deadline=None):
        """Sends a document until it is answered: its data, and whether an earlier try got no final answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        end = time.monotonic() + (self._deadline if deadline is None else deadline)
        sent = False
        tries = 0
        while True:
            in_doubt, wait = sent, 0.0
            try:
                token = self._token() if callable(self._token) else self._token
                limit = min(self._try_timeout, end - time.monotonic())
                if limit <= 0:
                    raise OutcomeUnknown(list(keys), sent, "no answer in time")
                sent = True
                status, headers, answer = self._send(body, token, limit)
                errors = answer.get("errors")
                if status == 429:
                    sent = in_doubt
                if errors:
                    cause = errors[0]["message"]
                    if errors[0]["extensions"]["code"] not in AGAIN:
                        raise Refused(errors[0], in_doubt)
                elif answer.get("data"):
                    return answer["data"], in_doubt
                else:
                    cause = f"the service answered with {status}"
                wait = retry_after(headers.get("Retry-After"))
            except (OSError, http.client.HTTPException) as error:
                cause = error
                # No connection was made.
                if isinstance(getattr(error, "reason", error), (ConnectionRefusedError, socket.gaierror)):
                    sent = in_doubt
            # Anything up to a bound that doubles, so that many callers do not come back at once.
            wait += random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**tries))
            tries += 1
            if time.monotonic() + wait > end:
                raise OutcomeUnknown(list(keys), sent, cause)
            time.sleep(wait)

    def _send(self, body, token, limit):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(self._address, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=limit) as response:
                return response.status, response.headers, read(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, read(error.code, error.read())


class Wallet:
    """One owner's credits of one asset. `id` is derived from the two, so nobody has to look it up."""

    def __init__(self, wallets, owner, asset):
        self._wallets = wallets
        self.owner = owner
        self.asset = asset
        self.id = wallet_id(owner, asset)

    def open(self, deadline=None):
        """Opens the wallet, or returns it as it is."""
        fields = "wallet{id ownerId assetCode status createdAt}"
        given = {"ownerId": self.owner, "assetCode": self.asset}
        return self._wallets._mutate("Open", fields, given, (), deadline)[0]

    def top_up(self, amount, key, **more):
        """Books credits that were bought."""
        return self._post("TopUp", key, {"amount": str(amount)}, **more)

    def bonus(self, amount, key, **more):
        """Grants credits for nothing, until `expires_at` or for ever."""
        return self._post("Bonus", key, {"amount": str(amount)}, **more)

    def spend(self, amount, key, **more):
        """Books a purchase."""
        return self._post("Spend", key, {"amount": str(amount)}, **more)

    def transfer(self, to, amount, key, **more):
        """Moves credits to another wallet of the same asset."""
        given = {"toWallet": to.id, "amount": str(amount)}
        return self._post("Transfer", key, given, of="fromWallet", **more)

    def hold(self, amount, key, **more):
        """Reserves credits, until `expires_at` or until they are captured or released."""
        return self._post("Hold", key, {"amount": str(amount)}, **more)

    def capture(self, hold_id, key, amount=None, **more):
        """Spends what a hold reserves, or a part of it."""
        return self._post("Capture", key, {"holdId": hold_id, "amount": amount and str(amount)}, **more)

    def release(self, hold_id, key, **more):
        """Ends a hold without a purchase."""
        return self._post("Release", key, {"holdId": hold_id}, **more)

    def reverse(self, transfer_id, key, amount=None, owe=None, **more):
        """Takes a movement back, whole or in part; for operators."""
        given = {"transferId": transfer_id, "amount": amount and str(amount), "owe": owe}
        return self._post("Reverse", key, given, **more)

    def balance(self, deadline=None):
        """What the wallet has now."""
        query = "query($id:UUID!){walletBalance(walletId:$id){balance bonusBalance heldBalance available seq asOf}}"
        data, _ = self._wallets.call(query, {"id": self.id}, (), deadline)
        return with_amounts(data["walletBalance"])

    def history(self, oldest_first=False, page_size=100, deadline=None):
        """The lines of its history, read a page at a time as they are asked for."""
        query = (
            "query($id:UUID!,$first:Int,$after:Cursor,$orderBy:[EntryOrderBy!]){wallet(id:$id)"
            "{entries(first:$first,after:$after,orderBy:$orderBy){pageInfo{hasNextPage endCursor}nodes{" + ENTRY + "}}}}"
        )
        order = ["PRIMARY_KEY_ASC" if oldest_first else "PRIMARY_KEY_DESC"]
        page = {"hasNextPage": True, "endCursor": None}
        while page["hasNextPage"]:
            variables = {"id": self.id, "first": page_size, "after": page["endCursor"], "orderBy": order}
            data, _ = self._wallets.call(query, variables, (), deadline)
            if data["wallet"] is None:
                facts = {"code": "WALLET_NOT_FOUND", "detail": {"wallet_id": self.id}}
                raise Refused({"message": f"wallet not found: {self.id}", "extensions": facts})
            page = data["wallet"]["entries"]["pageInfo"]
            yield from map(with_amounts, data["wallet"]["entries"]["nodes"])

    def _post(self, name, key, given, of="walletId", metadata=None, expires_at=None, deadline=None):
        whole = {of: self.id, "idemKey": key, **given}
        if metadata is not None:
            whole["metadata"] = metadata
        if expires_at is not None:
            whole["expiresAt"] = expires_at
        return with_amounts(self._wallets._mutate(name, f"receipt{{{RECEIPT}}}", whole, [key], deadline)[0])


def wallet_id(owner, asset):
    """The same as ledger.wallet_id in SQL: a UUID of version 8 from a SHA-256 over an array as PostgreSQL writes it."""
    parts = [b"ledger.wallet.v1", owner.encode(), asset.encode()]
    numbers = b"".join(number.to_bytes(4, "big") for number in (1, 0, 17, 3, 1))
    digest = hashlib.sha256(numbers + b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
    marked = bytearray(digest[:16])
    marked[6] = marked[6] & 15 | 128
    marked[8] = marked[8] & 63 | 128
    return str(uuid.UUID(bytes=bytes(marked)))


def with_amounts(facts):
    """The same facts with amounts, and numbers of entries, as int."""
    return {
        name: int(value) if name in AMOUNTS and isinstance(value, str) else value for name, value in facts.items()
    }


def read(status, text):
    """What an answer says. One that is not the service's own, such as a page of a load balancer, says it by its status."""
    try:
        answer = json.loads(text)
        if answer.get("data") or answer["errors"][0]["extensions"]["code"]:
            return answer
    except (ValueError, AttributeError, LookupError, TypeError):
        pass
    if status < 400 or status >= 500 or status in (408, 429):
        return {}
    code = {401: "UNAUTHENTICATED", 404: "NOT_FOUND"}.get(status, "BAD_REQUEST")
    return {"errors": [{"message": f"the address answered with {status}", "extensions": {"code": code}}]}


def retry_after(header):
    """The seconds that a header asks to wait for, given as a number or as a date."""
    if not header:
        return 0.0
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _many(requests):
    """The input of many calls in one, and their keys. A request has kind, wallet, key and what its single call takes."""
    names = {"key": "idemKey", "hold_id": "holdId", "transfer_id": "transferId", "expires_at": "expiresAt"}
    inputs = []
    for request in requests:
        one = {names.get(name, name): value for name, value in request.items() if name not in ("wallet", "to")}
        one["walletId"] = request["wallet"].id
        if "to" in request:
            one["counterpartyId"] = request["to"].id
        if "amount" in one:
            one["amount"] = str(one["amount"])
        inputs.append(one)
    return {"requests": inputs}, [request["key"] for request in requests]
