import { SemanticSearchUnavailableError } from '../errors.ts';
import type { EmbeddingModel } from '../services.ts';

/**
 * With how many numbers a model answers. Asks for something short, which also shows whether it answers at all. Throws a
 * SemanticSearchUnavailableError.
 */
export async function findDimensions(model: EmbeddingModel, signal: AbortSignal): Promise<number> {
  const [vector] = await model.embed(['How many numbers is a meaning?'], signal);
  if (vector) return vector.length;
  const message = 'The model of meanings refuses a plain sentence: an operator looks at EMBEDDINGS_MODEL.';
  throw new SemanticSearchUnavailableError(['ANSWER'], message);
}
