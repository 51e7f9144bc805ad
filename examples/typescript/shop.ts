/** A shop: sells credits, sells a sword, and is refused. Needs WALLET_URL and WALLET_TOKEN (role service). */
// Where the package is installed: from 'wallet-client'.
import { createWallet, Refused } from '../../client/src/index.ts';

const { WALLET_URL: url = '', WALLET_TOKEN: token = '' } = process.env;
const wallet = createWallet({ url, token }).wallet('dana', 'GOLD');
const metadata = { item: 'sword' };

console.log(`wallet ${(await wallet.open()).id}`);
console.log(`bought ${(await wallet.topUp(100n, 'payment-1')).balance}`);
console.log(`spent, left ${(await wallet.spend(30n, 'order-1', { metadata })).balance}`);

const again = await wallet.spend(30n, 'order-1', { metadata });
console.log(`the same key again: booked before ${String(again.replayed)}`);

try {
  await wallet.spend(500n, 'order-2');
} catch (error) {
  if (!(error instanceof Refused && error.code === 'INSUFFICIENT_FUNDS')) throw error;
  console.log(`${error.code} available ${error.detail.available} requested ${error.detail.requested}`);
}

for await (const { seq, kind, side, amount, balance } of wallet.history({ oldestFirst: true })) {
  console.log(`${seq} ${kind} ${side} ${amount} ${balance}`);
}
