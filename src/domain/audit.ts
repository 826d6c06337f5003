import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from './services.ts';
import type { Viewer } from './viewer.ts';

/** Everything that the audit trail tells of. */
export type AuditAction =
  | 'session.started'
  | 'session.ended'
  | 'session.all_ended'
  | 'api_key.created'
  | 'api_key.used'
  | 'api_key.revoked'
  | 'sync.configured'
  | 'sync.started'
  | 'sync.cancelled'
  | 'sync.retried'
  | 'sync.undone'
  | 'conversation.renamed'
  | 'conversation.archived'
  | 'conversation.deleted'
  | 'chat.deleted'
  | 'data.exported'
  | 'account.deleted';

/**
 * Notes what a viewer did, in the caller's transaction where there is one, so that neither stands without the other.
 * `subject` is for a person's eyes: never a secret, a URL or text of a conversation.
 */
export async function recordAudit(
  database: Pick<Transaction, 'query'>,
  viewer: Pick<Viewer, 'userId' | 'credential' | 'origin'>,
  action: AuditAction,
  subject: string | null = null,
): Promise<void> {
  const { userId, credential, origin } = viewer;
  await database.query(
    `INSERT INTO audit_events (user_id, id, action, credential, credential_id, address, user_agent, subject)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      userId,
      uuidv7(),
      action,
      credential?.kind ?? null,
      credential && 'id' in credential ? credential.id : null,
      origin.address,
      origin.userAgent?.slice(0, 300) ?? null,
      subject?.slice(0, 300) ?? null,
    ],
  );
}
