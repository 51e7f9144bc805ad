/** Whether a request comes from this machine: development tools are served to no other. */
import type { IncomingMessage } from 'node:http';

const OWN_NAMES = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;
/** A proxy on this machine forwards requests of others. */
const OF_PROXIES = /^(forwarded|via|x-real-ip|x-forwarded-.*|cf-connecting-ip|true-client-ip)$/;

/**
 * The address is that of the connection, which headers cannot forge. The Host header reveals a page of another site whose name resolves to
 * this machine (DNS rebinding).
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

/** Whether only this machine can reach a service that listens on `host`. */
export function isOwnHost(host: string | undefined): boolean {
  return host === 'localhost' || host === '::1' || host?.startsWith('127.') === true;
}
