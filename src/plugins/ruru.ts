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

/** The initial headers are those of the first tab, the default headers those of each new one. */
function headersScript(token: string): string {
  const headers = JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);
  return `<script>RURU_CONFIG.initialHeaders = RURU_CONFIG.defaultHeaders = ${JSON.stringify(headers)};</script>`;
}
