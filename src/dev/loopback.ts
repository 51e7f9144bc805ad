/** Whether a request comes from this machine, for what nobody else may have. */
import type { IncomingMessage } from 'node:http';

const OWN_NAMES = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;
/** A proxy on this machine stands for somebody else. */
const OF_PROXIES = /^(forwarded|via|x-real-ip|x-forwarded-.*|cf-connecting-ip|true-client-ip)$/;

/**
 * The address is the connection's own, which headers cannot make up. The name that the browser asked for tells whether a page
 * of another site has had its own name point here (DNS rebinding).
 */
export function isFromHere({ socket, headers }: IncomingMessage): boolean {
  return (
    isLoopback(socket.remoteAddress ?? '') &&
    OWN_NAMES.test(headers.host ?? '') &&
    !Object.keys(headers).some((name) => OF_PROXIES.test(name))
  );
}

/** A server for IPv6 sees IPv4 addresses as `::ffff:127.0.0.1`. */
function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address);
}

/** Whether nobody else can reach a service that listens there. */
export function isOwnHost(host: string | undefined): boolean {
  return host === 'localhost' || host === '::1' || host?.startsWith('127.') === true;
}
