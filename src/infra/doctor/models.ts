import type { ChatModel, EmbeddingModel } from '../../domain/services.ts';
import { type Check, mend, note, ok, reasonOf } from './finding.ts';

const PATIENCE_MS = 20_000;

/** Whether the model for chat answers. */
export async function* checkChat(open: () => Promise<ChatModel | null>): Check {
  const model = await open();
  if (!model) {
    yield note('Nobody can chat: CHAT_BASE_URL and CHAT_MODEL are not set.');
    return;
  }
  try {
    await model.check();
    yield ok(`The server of ${model.name} answers.`);
  } catch (error) {
    yield mend(reasonOf(error));
  }
}

/** Whether the model of meanings makes vectors. */
export async function* checkEmbeddings(open: () => Promise<EmbeddingModel | null>): Check {
  const model = await open();
  if (!model) {
    yield note('Search goes by words alone: EMBEDDINGS_BASE_URL and EMBEDDINGS_MODEL are not set.');
    return;
  }
  try {
    const [vector] = await model.embed(['sidecar'], AbortSignal.timeout(PATIENCE_MS));
    if (vector) yield ok(`The server of ${model.name} makes vectors of ${vector.length} dimensions.`);
    else yield mend(`The server of ${model.name} makes no vector of a plain word. Correct EMBEDDINGS_MODEL.`);
  } catch (error) {
    yield mend(reasonOf(error));
  }
}
