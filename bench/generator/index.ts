export { type GeneratedExport, type GenerateOptions, generateExport } from './archive.ts';
export { conversationAt, isChanged } from './conversation.ts';
export { toPythonJson } from './python-json.ts';
export type { ExportConversation, ExportMessage, ExportNode } from './shape.ts';
export { textOf } from './shape.ts';
export { type SlimConversation, toSlim } from './slim.ts';
export { type Topic, topicOf } from './topic.ts';
