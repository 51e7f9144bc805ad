/** Refuses values that PostgreSQL could not read before any SQL is sent. */
import { Kind, type GraphQLScalarLiteralParser, type ValueNode } from 'postgraphile/graphql';
import { isUuid, losesDigits } from '../../values.ts';
import { refusal } from './paging.ts';

type Coerce = (value: unknown) => string;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
// PostgreSQL checks whether the date exists. Words such as "tomorrow" are refused: they would mean another time in a retry.
const DATETIME = /^\d{4,6}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?( ?(Z|[+-]\d\d(:?\d\d(:?\d\d)?)?))?)?$/i;

const COERCE: Readonly<Record<string, Coerce>> = {
  BigInt(value) {
    const digits = Number.isSafeInteger(value) ? String(value) : value;
    if (typeof digits === 'string' && /^-?\d{1,19}$/.test(digits) && isInt64(BigInt(digits))) return digits;
    throw refusal('BigInt must be a whole decimal number of at most 64 bits, best as a string');
  },
  Datetime(value) {
    if (typeof value === 'string' && DATETIME.test(value)) return value;
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
        if (scalar.name === 'JSON') return { ...scalar, parseLiteral: asWritten(scalar.parseLiteral) };
        const coerce = COERCE[scalar.name];
        if (!coerce) return scalar;
        return { ...scalar, parseValue: coerce, parseLiteral: (node) => coerce(literalValue(node)) };
      },
    },
  },
};

/** An integer literal stays text: as a number it could lose digits. */
function literalValue(node: ValueNode): unknown {
  return node.kind === Kind.STRING || node.kind === Kind.INT ? node.value : undefined;
}

/** Literals must pass the checks that the body's reader makes for variables. */
function asWritten(parse?: GraphQLScalarLiteralParser<unknown> | null): GraphQLScalarLiteralParser<unknown> {
  return (node, variables) => {
    checkJson(node);
    return parse?.(node, variables);
  };
}

function checkJson(node: ValueNode): void {
  if (node.kind === Kind.LIST) node.values.forEach(checkJson);
  if (node.kind === Kind.OBJECT) node.fields.forEach(({ value }) => checkJson(value));
  if (node.kind === Kind.ENUM) throw refusal(`JSON has no word ${node.value.slice(0, 40)}: send a text in quotes`);
  if ((node.kind === Kind.INT || node.kind === Kind.FLOAT) && losesDigits(node.value)) {
    throw refusal(`JSON with the number ${node.value.slice(0, 40)} would lose digits: send it as a string`);
  }
}

function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}
