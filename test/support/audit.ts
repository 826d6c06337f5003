import type { TestClient } from './client.ts';

export interface AuditAnswer {
  at: string;
  action: string;
  userId: string;
  who: string | null;
  credential: string | null;
  credentialId: string | null;
  address: string | null;
  userAgent: string | null;
  subject: string | null;
}

export const eventFields = 'at action userId who credential credentialId address userAgent subject';

/** The newest 100 events of the viewer's account. */
export async function auditLogOf(client: TestClient): Promise<AuditAnswer[]> {
  const { viewer } = await client.request<{ viewer: { auditLog: { edges: { node: AuditAnswer }[] } } }>(
    `{ viewer { auditLog(first: 100) { edges { node { ${eventFields} } } } } }`,
  );
  return viewer.auditLog.edges.map(({ node }) => node);
}

/** The newest 100 events of the server, or of one account of it, as its owner sees them. */
export async function serverAuditLog(client: TestClient, userId?: string): Promise<AuditAnswer[]> {
  const { auditLog } = await client.request<{ auditLog: { edges: { node: AuditAnswer }[] } }>(
    `query Log($userId: ID) { auditLog(first: 100, userId: $userId) { edges { node { ${eventFields} } } } }`,
    { userId },
  );
  return auditLog.edges.map(({ node }) => node);
}
