/** Opens the GraphQL IDE with a token in its headers: a new one for each visit, because tokens expire. Development only. */
import 'postgraphile/grafserv';

export function createRuruPlugin(createToken: () => Promise<string>): GraphileConfig.Plugin {
  return {
    name: 'RuruTokenPlugin',
    version: '1.0.0',
    grafserv: {
      middleware: {
        async ruruHTML(next, { htmlParts }) {
          htmlParts.configScript += headersScript(await createToken());
          return next();
        },
      },
    },
  };
}

/**
 * The initial headers are those of the first tab, the default headers those of each new one. The IDE reads the schema
 * before it has its headers, hence a fetcher that brings them along.
 */
function headersScript(token: string): string {
  const headers = JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);
  return `<script>
    RURU_CONFIG.initialHeaders = RURU_CONFIG.defaultHeaders = ${JSON.stringify(headers)};
    RURU_CONFIG.fetcher = async (request, { headers } = {}) => {
      const answer = await fetch(RURU_CONFIG.endpoint, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...${headers}, ...headers },
        body: JSON.stringify(request),
      });
      return answer.json();
    };
  </script>`;
}
