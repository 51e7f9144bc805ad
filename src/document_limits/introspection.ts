/** For where the schema is nobody's business: no introspection, and no hints in errors from which it could be guessed. */
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
        // Otherwise the answer comes as bytes, which cannot be looked into.
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

/** GraphQL names what a mistyped word is close to. */
function withoutHint(message: string): string {
  return message.replace(/ Did you mean .*\?$/s, '');
}
