/** Decides which addresses webhooks may be sent to: public ones, and internal networks that are allowed explicitly. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { Network } from '../config.ts';

type Judge = (address: string) => boolean;

/** Not public: this host, private and shared networks, link-local, test, documentation, multicast and reserved ranges. */
const INSIDE_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
];
/** The public range. Addresses that embed an IPv4 address are outside of it, or in INSIDE_V6. */
const GLOBAL_V6 = '2000::/3';
const INSIDE_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const inside = listOf([...INSIDE_V4, ...INSIDE_V6].map(networkOf));
const global = listOf([networkOf(GLOBAL_V6)]);

export function isPublic(address: string): boolean {
  if (isIP(address) === 0) return false;
  return !has(inside, address) && (!isIPv6(address) || has(global, address));
}

/** Tests addresses against the allowed networks, including IPv4-mapped IPv6 addresses. */
export function createJudge(allowed: readonly Network[]): Judge {
  const list = listOf(allowed);
  return (address) => has(list, address);
}

function has(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function networkOf(text: string): Network {
  const [address = '', bits] = text.split('/');
  return { address, bits: Number(bits) };
}

function listOf(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const { address, bits } of networks) list.addSubnet(address, bits, isIPv6(address) ? 'ipv6' : 'ipv4');
  return list;
}
