/** Ends an answer whose reader is slow: what it holds is missing to others. */
import type { Response } from 'express';

export interface MinimumRate {
  /** What a reader has to take, as long as there is something to take. */
  bytesPerSecond: number;
  /** So long it may take less. What it takes faster makes no more room than this. */
  graceMs: number;
}

const CHECKS = 20;

/** Only the time counts in which something waits to be read: a slow database is not the reader's fault. */
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

/** What the system has taken off our hands. */
function takenBy(socket: NonNullable<Response['socket']>): number {
  return socket.bytesWritten - socket.writableLength;
}
