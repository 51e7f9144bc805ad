/** What a client has to get right: what becomes of its requests, what it is told to do, and what has to come of it. */
import type { Fault } from './proxy.ts';
import type { ProgramCommand, ProgramResult } from './program.ts';

/** A receipt, as far as scenarios look at it. */
export interface SomeReceipt {
  transferId: string;
  balance: string;
  amount: string;
  replayed: boolean;
  holdId: string | null;
}

export interface Scenario {
  name: string;
  /** What becomes of the first requests; those after them get through. */
  faults: readonly (Fault | undefined)[];
  /** Each wallet has bought 100 by then. `owner`, `asset` and the start of each key are put in. */
  command: Omit<ProgramCommand, 'owner' | 'asset'>;
  expect: (result: ProgramResult) => void;
  /** How many requests there have to be at least; as many as there are faults, and one more, if left out. */
  tries?: number;
  /** What the wallet has in the end. */
  balance: string;
}

/** For what never answers: any other try is waited for long, whatever else the machine does. */
const HASTY = 1;

const spend = { do: 'spend', amount: '30', key: 'order' };
const isBooked =
  (balance = '70') =>
  (result: ProgramResult): void => {
    expect(result).toMatchObject({ done: { balance } });
  };

/** A single fault each, which the client gets over. */
const OVERCOME: readonly (readonly [Fault, Partial<ProgramCommand>?])[] = [
  ['dropped before booking'],
  ['dropped after booking'],
  ['cut off'],
  ['late', { tryTimeout: HASTY }],
  ['silent', { tryTimeout: HASTY }],
  ['RETRY'],
  ['RETRY after booking'],
  ['TIMEOUT'],
  ['502'],
  ['429'],
  ['429 with a date'],
];

const REFUSED = { do: 'spend', amount: '500', key: 'too-much' };

export const SCENARIOS: readonly Scenario[] = [
  { name: 'nothing goes wrong', faults: [], command: spend, expect: isBooked(), balance: '70' },
  ...OVERCOME.map(([fault, more]): Scenario => ({
    name: `a request is ${fault}`,
    faults: [fault],
    command: { ...spend, ...more },
    expect: isBooked(),
    balance: '70',
  })),
  {
    name: 'a request is duplicated',
    faults: ['duplicated'],
    command: spend,
    expect: isBooked(),
    tries: 1,
    balance: '70',
  },
  {
    name: 'one thing after the other goes wrong',
    faults: ['dropped before booking', 'RETRY', '502', 'dropped after booking', 'cut off', 'RETRY after booking'],
    command: spend,
    expect: isBooked(),
    balance: '70',
  },
  {
    name: 'a request is refused',
    faults: [],
    command: REFUSED,
    expect: (result) => {
      expect(result).toMatchObject({
        refused: { code: 'INSUFFICIENT_FUNDS', detail: { available: '100', requested: '500' }, inDoubt: false },
      });
    },
    balance: '100',
  },
  {
    name: 'a request is refused after one that was kept back',
    faults: ['late'],
    command: { ...REFUSED, tryTimeout: HASTY },
    expect: (result) => {
      expect(result).toMatchObject({ refused: { code: 'INSUFFICIENT_FUNDS', inDoubt: true } });
    },
    balance: '100',
  },
  {
    name: 'one of many is refused, and the answer is dropped',
    faults: ['dropped after booking'],
    command: {
      do: 'post_each',
      requests: [
        { kind: 'top_up', owner: '', asset: '', amount: '5', key: 'one' },
        { kind: 'spend', owner: '', asset: '', amount: '500', key: 'two' },
        { kind: 'spend', owner: '', asset: '', amount: '105', key: 'three' },
      ],
    },
    expect: ({ done }) => {
      expect(done).toMatchObject([
        { receipt: { balance: '105', replayed: true } },
        // It was refused by the second try too, on what the first one had booked.
        { refused: { code: 'INSUFFICIENT_FUNDS', detail: { available: '0', requested: '500' }, inDoubt: true } },
        { receipt: { balance: '0', replayed: true } },
      ]);
    },
    balance: '0',
  },
  {
    name: 'many are booked together, and the answer is cut off',
    faults: ['cut off'],
    command: {
      do: 'post_batch',
      requests: [
        { kind: 'spend', owner: '', asset: '', amount: '40', key: 'one' },
        { kind: 'bonus', owner: '', asset: '', amount: '7', key: 'two' },
      ],
    },
    expect: ({ done }) => {
      expect(done).toMatchObject([
        { balance: '60', replayed: true },
        { balance: '67', replayed: true },
      ]);
    },
    balance: '67',
  },
  {
    name: 'of many that are booked together, one is refused',
    faults: [],
    command: {
      do: 'post_batch',
      requests: [
        { kind: 'spend', owner: '', asset: '', amount: '40', key: 'one' },
        { kind: 'spend', owner: '', asset: '', amount: '61', key: 'two' },
      ],
    },
    expect: ({ refused }) => {
      expect(refused).toMatchObject({
        code: 'INSUFFICIENT_FUNDS',
        detail: { available: '60', index: expect.anything() as unknown },
      });
    },
    balance: '100',
  },
];
