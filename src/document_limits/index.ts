/** What a document may cost: its own size, and that of its answer. What is more is refused before it is planned. */
import { AnswerSizePlugin } from './answer_size.ts';
import { DocumentSizePlugin } from './document_size.ts';

export { NoIntrospectionPlugin } from './introspection.ts';

export const DocumentLimitsPreset: GraphileConfig.Preset = { plugins: [DocumentSizePlugin, AnswerSizePlugin] };
