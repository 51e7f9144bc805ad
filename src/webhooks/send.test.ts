/** One webhook and one receiver: requests, refusals, answers and timeouts. */
import { createServer, type AddressInfo, type Server } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { WebhookConfig } from '../config.ts';
import { createSend, type Message } from './send.ts';
import { Receiver, type Arrival, type Told } from './testing_receiver.ts';

const HERE = [
  { address: '127.0.0.0', bits: 8 },
  { address: '::1', bits: 128 },
];
const SECRETS = ['one', 'two'].map((text) => `whsec_${Buffer.from(text.repeat(10)).toString('base64')}`);
const NEVER = new AbortController().signal;

let told: Told = {};
let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start(() => told);
});
afterAll(() => receiver.stop());
beforeEach(() => {
  told = {};
});

let number = 0;
/** Each message has its own id. */
function messageTo(url: string): Message {
  number += 1;
  const wallet_id = '00000000-0000-8000-8000-000000000000';
  return { id: `id-${number}`, kind: 'spend', wallet_id, tries: 1, url, body: '{"a":1}', secrets: SECRETS };
}
const send = (url: string, config: Partial<WebhookConfig> = {}, signal = NEVER) =>
  createSend({ allowedNetworks: HERE, timeoutMs: 30_000, firstRetryMs: 1_000, ...config })(messageTo(url), signal);
const last = (): Arrival => {
  const arrival = receiver.arrivals.at(-1);
  if (!arrival) throw new Error('nothing arrived');
  return arrival;
};

describe('a webhook', () => {
  it('is signed with each secret in the format of Standard Webhooks', async () => {
    expect(await send(`${receiver.url}/signed?a=b`)).toMatchObject({ tries: 1, failure: null });

    const { headers, body, path } = last();
    expect({ path, body }).toEqual({ path: '/signed?a=b', body: '{"a":1}' });
    expect(headers['content-type']).toBe('application/json');
    expect(String(headers['webhook-signature']).split(' ')).toHaveLength(2);
    for (const secret of SECRETS)
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({ a: 1 });
    const [wrong] = ['three'].map((text) => Buffer.from(text.repeat(10)).toString('base64'));
    expect(() => new Webhook(wrong ?? '').verify(body, headers as Record<string, string>)).toThrow('No matching');
    expect(() => new Webhook(SECRETS[0] ?? '').verify(`${body} `, headers as Record<string, string>)).toThrow();
  });

  it.each([200, 201, 204, 299])('is delivered if the answer is %i', async (status) => {
    told = { status };
    expect((await send(receiver.url)).failure).toBeNull();
  });

  it.each([301, 302, 307, 400, 404, 500, 503])(
    'fails if the answer is %i, and is sent to no other address',
    async (status) => {
      told = { status, headers: { location: `${receiver.url}/elsewhere` } };
      expect(await send(receiver.url)).toMatchObject({ failure: `status ${status}`, gone: false });
      expect(receiver.at('/elsewhere')).toEqual([]);
    },
  );

  it('is no longer wanted if the answer is 410', async () => {
    told = { status: 410 };
    expect(await send(receiver.url)).toMatchObject({ failure: 'status 410', gone: true });
  });

  it.each([429, 503])('waits as long as the receiver asks with %i, and so do the others', async (status) => {
    told = { status, headers: { 'retry-after': '120' } };
    expect(await send(receiver.url)).toMatchObject({ hold_ms: 120_000, pause_ms: 120_000 });
  });

  it('is delivered with the headers of the answer, however long its body is', async () => {
    told = { status: 200, bytes: 10_000_000 };
    expect((await send(receiver.url)).failure).toBeNull();
  });

  it('fails if the connection is closed, or no server listens', async () => {
    told = { cut: true };
    expect((await send(receiver.url)).failure).toMatch(/^(ECONNRESET|connection closed)$/);
    const gone = await Receiver.start();
    const { url } = gone;
    await gone.stop();
    expect((await send(url)).failure).toBe('ECONNREFUSED');
  });

  it('fails without an answer in time', async () => {
    told = { waitMs: 600_000 };
    expect((await send(receiver.url, { timeoutMs: 300 })).failure).toBe('timeout');
  });

  it('fails if TLS is not established in time', async () => {
    const silent: Server = createServer((socket) => {
      // It accepts connections, and says nothing.
      socket.on('error', () => undefined).resume();
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;

    expect((await send(`https://127.0.0.1:${port}`, { timeoutMs: 300 })).failure).toBe('timeout: tls');
    await new Promise((resolve) => silent.close(resolve));
  });

  it('is aborted by its signal', async () => {
    told = { waitMs: 600_000 };
    expect((await send(receiver.url, {}, AbortSignal.timeout(200))).failure).toBe('ABORT_ERR');
  });
});

describe('an internal address', () => {
  it.each(['127.0.0.1', 'localhost', '[::1]', '127.1', '0x7f.0.0.1', '2130706433', '[::ffff:127.0.0.1]', '0.0.0.0'])(
    'is refused, however it is written: %s',
    async (host) => {
      const before = receiver.connections;
      for (const scheme of ['http', 'https'])
        expect((await send(`${scheme}://${host}:${receiver.port}/`, { allowedNetworks: [] })).failure).toBe(
          'address refused',
        );
      expect(receiver.connections).toBe(before);
    },
  );

  it('is used by name if its network is allowed', async () => {
    expect((await send(`http://localhost:${receiver.port}/named`)).failure).toBeNull();
    expect(receiver.at('/named')).toHaveLength(1);
  });

  it.each(['http://8.8.8.8/', 'http://[2606:4700:4700::1111]/'])(
    'is the only one used without TLS: %s is refused',
    async (url) => {
      expect((await send(url)).failure).toBe('address refused');
    },
  );

  it.each(['https://', 'https://exa mple/', 'nothing'])('that is invalid is refused: %j', async (url) => {
    expect((await send(url)).failure).toBe('address unreadable');
  });
});
