#!/usr/bin/env bash
# A purchase with curl. URL is the service, TOKEN a token of the role service (npm run token -- --role service --sub shop).
set -euo pipefail

call() {
  curl -sS "$URL/graphql" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "$1"
  echo
}

# Opening a wallet again returns the same wallet.
call '{"query": "mutation { walletOpen(input: {ownerId: \"hanna\", assetCode: \"GOLD\"}) { wallet { id } } }"}'
WALLET=$(call '{"query": "mutation { walletOpen(input: {ownerId: \"hanna\", assetCode: \"GOLD\"}) { wallet { id } } }"}' | grep -oE '[0-9a-f-]{36}')

# Each call that books has a key of its own: sent again, it books nothing.
call "{\"query\": \"mutation { walletTopUp(input: {walletId: \\\"$WALLET\\\", amount: \\\"100\\\", idemKey: \\\"payment-1\\\"}) { receipt { kind balance replayed } } }\"}"
call "{\"query\": \"mutation { walletSpend(input: {walletId: \\\"$WALLET\\\", amount: \\\"30\\\", idemKey: \\\"order-1\\\"}) { receipt { kind balance replayed } } }\"}"
call "{\"query\": \"mutation { walletSpend(input: {walletId: \\\"$WALLET\\\", amount: \\\"30\\\", idemKey: \\\"order-1\\\"}) { receipt { kind balance replayed } } }\"}"

# A refusal names the rule and the facts.
call "{\"query\": \"mutation { walletSpend(input: {walletId: \\\"$WALLET\\\", amount: \\\"500\\\", idemKey: \\\"order-2\\\"}) { receipt { balance } } }\"}"
