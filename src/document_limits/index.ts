/** What a document may cost: its own size, and that of its answer. What is more is refused before it is planned. */
import 'postgraphile/grafserv';
import { AnswerSizePlugin, REMEMBERED_DOCUMENTS } from './answer_size.ts';
import { DocumentSizePlugin } from './document_size.ts';

export const DocumentLimitsPreset: GraphileConfig.Preset = {
  plugins: [DocumentSizePlugin, AnswerSizePlugin],
  grafserv: { parseAndValidateCacheSize: REMEMBERED_DOCUMENTS },
};
