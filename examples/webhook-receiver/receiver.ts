/**
 * Takes the webhooks of the wallet service: checks the signature, answers at once, and heeds each only once.
 *
 *   WEBHOOK_SECRET=whsec_… PORT=8080 node examples/webhook-receiver/receiver.ts
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

interface Event {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

const webhook = new Webhook(process.env.WEBHOOK_SECRET ?? '');
/** In a real one: a unique column of your database, written in the transaction that heeds the event. */
const seen = new Set<string>();

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(request);
  let event: Event;
  try {
    // Of the bytes as they came: JSON that was parsed and written again has another signature.
    event = webhook.verify(body, request.headers as Record<string, string>) as Event;
  } catch {
    response.writeHead(401).end();
    return;
  }
  const id = String(request.headers['webhook-id']);
  if (!seen.has(id)) {
    seen.add(id);
    console.log(event.type, JSON.stringify(event.data));
  }
  // Whatever else there is to do comes after the answer: who waits too long sends it again.
  response.writeHead(204).end();
}

const server = createServer((request, response) => void take(request, response));
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const address = server.address();
  console.log(`Listening on port ${typeof address === 'object' && address ? address.port : ''}`);
});
