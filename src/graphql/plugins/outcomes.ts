/** Names the code of a refused item of a batch as an error's code is named. */
import { get, lambda, type Step } from 'postgraphile/grafast';
import { nameOfCode } from '../../errors.ts';

export const OutcomesPlugin: GraphileConfig.Plugin = {
  name: 'OutcomesPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, _build, { Self, scope: { fieldName } }) {
        if (Self.name !== 'Refusal' || fieldName !== 'code') return field;
        return { ...field, plan: ($refusal: Step) => lambda(get($refusal, 'code') as Step<string>, nameOfCode) };
      },
    },
  },
};
