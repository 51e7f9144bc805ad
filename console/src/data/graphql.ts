/** Documents are typed by the schema that the repository keeps. */
import { initGraphQLTada } from 'gql.tada';
import type { introspection } from '../graphql-env.d.ts';

/** Amounts, positions and times stay texts: a number of JavaScript would round them. */
export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: {
    BigInt: string;
    BigFloat: string;
    Datetime: string;
    UUID: string;
    Cursor: string;
    Base64EncodedBinary: string;
    JSON: unknown;
  };
}>();

export type { ResultOf, VariablesOf } from 'gql.tada';
