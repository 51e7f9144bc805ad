/** Gives requests that cannot be executed the same answer for both JSON media types. */
import { SafeError } from 'postgraphile/grafast';
import 'postgraphile/grafserv';

export const RefusalsPlugin: GraphileConfig.Plugin = {
  name: 'RefusalsPlugin',
  version: '1.0.0',
  grafserv: {
    middleware: {
      async processRequest(next, { requestDigest }) {
        // Otherwise the answer is bytes, which cannot be inspected.
        requestDigest.preferJSON = true;
        const result = await next();
        if (result?.type === 'json' && isRefusal(result.json)) {
          if (result.statusCode === 200) result.statusCode = 400;
          for (const error of result.json.errors) error.extensions = { code: 'BAD_REQUEST', ...error.extensions };
        }
        return result;
      },
    },
  },
};

interface Refusal {
  errors: { extensions?: object }[];
}

/** Without `data` (null counts as data) nothing was executed. */
function isRefusal(answer: unknown): answer is Refusal {
  return typeof answer === 'object' && answer !== null && 'errors' in answer && !('data' in answer);
}

/** For a request that is refused before it is executed. */
export function badRequest(message: string, statusCode = 400): SafeError {
  return new SafeError(message, { statusCode });
}
