import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { isAllowedEmail } from './allowed-emails.ts';
import { recordAudit } from './audit.ts';
import { NotAllowedError, NotFoundError } from './errors.ts';
import { text } from './input.ts';
import type { Services } from './services.ts';
import { endAllSessions } from './session.ts';
import { requireScope, type Viewer } from './viewer.ts';

const MAX_NAME_LENGTH = 200;

/** What Google's userinfo endpoint says (OpenID Connect Core 1.0, section 5.1). */
const claimsSchema = z.object({
  sub: text.min(1).max(255),
  email: text.min(3).max(320).optional(),
  /** Some providers send it as text. */
  email_verified: z.union([z.boolean(), z.enum(['true', 'false'])]).optional(),
  name: text.nullish().catch(null),
  picture: z
    .url({ protocol: /^https$/ })
    .max(2_000)
    .nullish()
    .catch(null),
});

/**
 * The user whom Google vouches for, made when they first come; answers their id. Google's `sub` alone says who it is,
 * for an e-mail address may pass to somebody else; address, name and picture follow what Google says now. Throws a
 * NotAllowedError, in words for the person, when the address is not verified or not allowed (`allowedEmails`; null
 * lets everybody in, and the owner comes in whatever it says).
 */
export async function signInWithGoogle(
  services: Services,
  userinfo: unknown,
  allowedEmails: string[] | null,
): Promise<string> {
  const { sub, email, name, picture } = readClaims(userinfo);
  if (allowedEmails && !isAllowedEmail(allowedEmails, email) && !(await isOwners(services, sub))) {
    throw new NotAllowedError('This server does not let this account in. Ask its owner.');
  }
  const rows = await services.database.query<{ id: string }>(
    `INSERT INTO users (id, google_sub, email, email_verified, display_name, picture_url)
     VALUES ($1, $2, $3, true, $4, $5)
     ON CONFLICT (google_sub) DO UPDATE SET email = EXCLUDED.email, email_verified = true,
       display_name = coalesce(EXCLUDED.display_name, users.display_name), picture_url = EXCLUDED.picture_url
     RETURNING id`,
    [uuidv7(), sub, email, name, picture],
  );
  const [user] = rows;
  if (!user) throw new Error('The database made no user.');
  return user.id;
}

/**
 * Makes a Google account the owner's own, who came with the server's key until now; answers the owner's id. Throws a
 * NotAllowedError, in words for the person, when the address is not verified, and when either has another account already.
 */
export async function linkGoogle(
  services: Services,
  viewer: Viewer | null,
  userinfo: unknown,
): Promise<string> {
  requireScope(viewer, 'admin');
  await requireLinking(services, viewer);
  const { sub, email, name, picture } = readClaims(userinfo);
  await services.database.transaction(async (tx) => {
    const linked = await tx.execute(
      `UPDATE users SET google_sub = $2, email = $3, email_verified = true,
         display_name = coalesce($4, display_name), picture_url = $5
       WHERE id = $1 AND is_owner AND coalesce(google_sub, $2) = $2
         AND NOT EXISTS (SELECT FROM users WHERE google_sub = $2 AND id <> $1)`,
      [viewer.userId, sub, email, name, picture],
    );
    if (linked === 0) {
      throw new NotAllowedError('The owner or this Google account belongs to another account already.');
    }
    await recordAudit(tx, viewer, 'account.linked', email);
  });
  return viewer.userId;
}

/**
 * Whether a viewer may make a Google account the owner's. It stays for good, so what can be revoked is not enough: a key
 * that was made, or a session that hangs on one. Throws a NotAllowedError.
 */
export async function requireLinking(services: Services, viewer: Viewer | null): Promise<void> {
  requireScope(viewer, 'admin');
  const { userId, credential } = viewer;
  if (credential?.kind === 'owner-key') return;
  const [session] =
    credential?.kind === 'session'
      ? await services.database.query(
          `SELECT FROM sessions WHERE user_id = $1 AND id = $2 AND data->>'apiKeyId' IS NULL`,
          [userId, credential.id],
        )
      : [];
  if (!session) {
    throw new NotAllowedError(
      'A key that was made cannot link a Google account: sign in with the server’s own API_KEY first.',
    );
  }
}

/**
 * Takes the owner's Google account away, and with it all of their sessions; the server's key still opens the account.
 * Answers how many were ended. Throws a NotFoundError when there is none.
 */
export async function unlinkGoogle(services: Services, viewer: Viewer | null): Promise<number> {
  requireScope(viewer, 'admin');
  return endAllSessions(services, viewer, async (tx) => {
    const unlinked = await tx.execute(
      `UPDATE users SET google_sub = NULL, email = NULL, email_verified = false, picture_url = NULL
       WHERE id = $1 AND is_owner AND google_sub IS NOT NULL`,
      [viewer.userId],
    );
    if (unlinked === 0) throw new NotFoundError('linked Google account');
    await recordAudit(tx, viewer, 'account.unlinked');
  });
}

async function isOwners(services: Services, sub: string): Promise<boolean> {
  const owners = await services.database.query('SELECT FROM users WHERE google_sub = $1 AND is_owner', [sub]);
  return owners.length > 0;
}

/** Throws a NotAllowedError for a person whom Google does not vouch for. */
function readClaims(userinfo: unknown) {
  const parsed = claimsSchema.safeParse(userinfo);
  if (!parsed.success) throw new NotAllowedError('Google did not say who you are.');
  const { sub, email, email_verified: verified, name, picture } = parsed.data;
  if (email === undefined || (verified !== true && verified !== 'true')) {
    throw new NotAllowedError('Google has not verified the e-mail address of this account.');
  }
  return { sub, email, name: name?.slice(0, MAX_NAME_LENGTH) ?? null, picture: picture ?? null };
}
