/** Hides the schema: no introspection, and no suggestions of names in errors. */
import 'postgraphile/grafserv';
import { NoSchemaIntrospectionCustomRule } from 'postgraphile/graphql';

export const NoIntrospectionPlugin: GraphileConfig.Plugin = {
  name: 'NoIntrospectionPlugin',
  version: '1.0.0',
  grafserv: {
    middleware: {
      setPreset(next, { validationRules }) {
        validationRules.push(NoSchemaIntrospectionCustomRule);
        return next();
      },
      async processRequest(next, { requestDigest }) {
        // Otherwise the answer is bytes, which cannot be inspected.
        requestDigest.preferJSON = true;
        const result = await next();
        if (result?.type === 'json')
          for (const error of errorsOf(result.json)) error.message = withoutHint(error.message);
        return result;
      },
    },
  },
};

function errorsOf(answer: unknown): { message: string }[] {
  const { errors } = (answer ?? {}) as { errors?: { message: string }[] };
  return Array.isArray(errors) ? errors : [];
}

/** GraphQL suggests names similar to a misspelled one. */
function withoutHint(message: string): string {
  return message.replace(/ Did you mean .*\?$/s, '');
}
