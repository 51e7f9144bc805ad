/** What is refused among many calls is named as an error is. */
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
