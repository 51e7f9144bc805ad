/** Limits the size of a document and of its answer, before the document is planned. */
import { AnswerSizePlugin } from './answer_size.ts';
import { DocumentSizePlugin } from './document_size.ts';

export { NoIntrospectionPlugin } from './introspection.ts';

export const DocumentLimitsPreset: GraphileConfig.Preset = { plugins: [DocumentSizePlugin, AnswerSizePlugin] };
