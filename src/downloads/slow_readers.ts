/** Disconnects a client that reads an answer slowly: its connection to the database is needed by others. */
import type { Response } from 'express';

export interface MinimumRate {
  /** The least average rate at which a client must read while data waits. */
  bytesPerSecond: number;
  /** How long a client may read less. Reading faster restores this time, up to the same value. */
  graceMs: number;
}

const CHECKS = 20;

/** Only the time in which data waits counts: a slow database is not the client's fault. */
export function endIfSlow(res: Response, { bytesPerSecond, graceMs }: MinimumRate): void {
  const { socket } = res;
  if (!socket) return;
  let leftMs = graceMs;
  let lastTime = performance.now();
  let lastBytes = takenBy(socket);
  const timer = setInterval(() => {
    const [time, bytes] = [performance.now(), takenBy(socket)];
    const isWaiting = res.writableNeedDrain;
    leftMs += ((bytes - lastBytes) / bytesPerSecond) * 1000 - (isWaiting ? time - lastTime : 0);
    leftMs = Math.min(leftMs, graceMs);
    [lastTime, lastBytes] = [time, bytes];
    if (leftMs < 0) res.destroy();
  }, graceMs / CHECKS);
  res.once('close', () => clearInterval(timer));
}

/** Bytes that the operating system has accepted. */
function takenBy(socket: NonNullable<Response['socket']>): number {
  return socket.bytesWritten - socket.writableLength;
}
