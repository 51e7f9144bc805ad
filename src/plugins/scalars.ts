/** Refuses values that PostgreSQL could not read before any SQL is sent. */
import { GraphQLError, Kind, type ValueNode } from 'postgraphile/graphql';

type Coerce = (value: unknown) => string;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
// How it goes on, PostgreSQL judges; but words such as "tomorrow" would mean something else on each retry.
const DATE_FIRST = /^\d{4,6}-\d\d-\d\d/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const COERCE: Readonly<Record<string, Coerce>> = {
  BigInt(value) {
    const digits = Number.isSafeInteger(value) ? String(value) : value;
    if (typeof digits === 'string' && /^-?\d{1,19}$/.test(digits) && isInt64(BigInt(digits))) return digits;
    throw refusal('BigInt must be a whole decimal number of at most 64 bits, best as a string');
  },
  Datetime(value) {
    if (typeof value === 'string' && DATE_FIRST.test(value)) return value;
    throw refusal('Datetime must be written as in ISO 8601: 2030-01-31T12:00:00Z');
  },
  UUID(value) {
    if (isUuid(value)) return value;
    throw refusal('UUID must be 32 hexadecimal digits in five groups: 8-4-4-4-12');
  },
};

export const ScalarsPlugin: GraphileConfig.Plugin = {
  name: 'ScalarsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLScalarType(scalar) {
        const coerce = COERCE[scalar.name];
        if (!coerce) return scalar;
        return { ...scalar, parseValue: coerce, parseLiteral: (node) => coerce(literalValue(node)) };
      },
    },
  },
};

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** An integer in the document stays text: as a number it could lose digits. */
function literalValue(node: ValueNode): unknown {
  return node.kind === Kind.STRING || node.kind === Kind.INT ? node.value : undefined;
}

function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'INVALID_ARGUMENT' } });
}
