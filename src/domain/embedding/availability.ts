import { SemanticSearchUnavailableError } from '../errors.ts';
import type { EmbeddingModel, Services, VectorSupport } from '../services.ts';

const CONFIGURE =
  'no model is configured: an operator sets EMBEDDINGS_BASE_URL and EMBEDDINGS_MODEL, of any OpenAI-compatible server';

const noVectors: Record<Exclude<VectorSupport, 'READY'>, string> = {
  MISSING:
    'the database has no pgvector: an operator installs it (the package postgresql-18-pgvector, or the image pgvector/pgvector) and restarts Sidecar; the embedded PostgreSQL cannot have it, so DB_URL must name another',
  TOO_OLD: 'the database’s pgvector is older than 0.7: an operator updates it and restarts Sidecar',
  REFUSED:
    'the database did not let Sidecar set pgvector up: an administrator of it runs CREATE EXTENSION vector, grants CREATE on the database, and restarts Sidecar',
};

/** The configured model, once the database keeps vectors. Throws a SemanticSearchUnavailableError that names all that is missing. */
export function requireMeaning({ embeddings, vectors }: Services): EmbeddingModel {
  if (embeddings && vectors === 'READY') return embeddings;
  const reasons = [...(embeddings ? [] : [CONFIGURE]), ...(vectors === 'READY' ? [] : [noVectors[vectors]])];
  throw new SemanticSearchUnavailableError(
    [...(embeddings ? [] : (['MODEL'] as const)), ...(vectors === 'READY' ? [] : (['PGVECTOR'] as const))],
    `This server cannot search by meaning: ${reasons.join('; and ')}. Meanwhile use the mode AUTO or KEYWORD.`,
  );
}

/** Whether search by meaning is set up, whatever has been reckoned so far. */
export const hasMeaning = ({ embeddings, vectors }: Services): boolean =>
  embeddings !== null && vectors === 'READY';
