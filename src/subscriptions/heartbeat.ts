/** Detects a dead websocket: a broken connection is not always reported. */
import type { WebSocket } from 'ws';

/** Pings at an interval, and terminates the connection if no pong has come before the next ping. */
export function keepAlive(socket: WebSocket, everyMs: number): void {
  let hasAnswered = true;
  const timer = setInterval(() => {
    if (!hasAnswered) {
      socket.terminate();
      return;
    }
    hasAnswered = false;
    socket.ping(() => undefined);
  }, everyMs);
  socket.on('pong', () => {
    hasAnswered = true;
  });
  socket.on('close', () => {
    clearInterval(timer);
  });
}
