/** Finds out that the other end of a websocket is gone: a connection that is cut off does not say so. */
import type { WebSocket } from 'ws';

/** Pings, and ends the connection when no answer has come by the next time. */
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
