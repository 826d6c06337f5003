import { z } from 'zod';
import type { SyncConfig } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { InvalidInputError, SyncError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Services, Transaction } from '../services.ts';
import { requireScope, type Viewer } from '../viewer.ts';
import { alignSchedule, firstDueAt, pauseReason } from './schedule.ts';

/** What a user may know about their schedule. The URL itself is never given back. */
export type SyncSettings = Omit<SyncConfig, 'exportUrlSealed'> & {
  hasExportUrl: boolean;
  /** Why nothing is due although syncing is on; null while it is not paused. */
  pauseReason: string | null;
};

export const configureSyncInput = z.strictObject({
  enabled: z.boolean(),
  /** Unset keeps the present one; null removes it. */
  exportUrl: z.string().max(8_192).nullish(),
  frequencyHours: z.int().min(1).max(720).optional(),
});

export type ConfigureSyncInput = z.input<typeof configureSyncInput>;

/** Of `sync_configs`, as Prisma names them. */
const COLUMNS = `user_id AS "userId", enabled, export_url_sealed AS "exportUrlSealed", frequency_hours AS "frequencyHours",
  last_sync_at AS "lastSyncAt", next_sync_at AS "nextSyncAt", failures_in_a_row AS "failuresInARow",
  last_failure AS "lastFailure", paused_at AS "pausedAt", created_at AS "createdAt", updated_at AS "updatedAt"`;

/** Ties a sealed URL to its row. */
const sealContext = (userId: string) => `sync_configs/${userId}`;

/** The viewer's settings; the defaults, not yet stored, when they never set any. */
export async function getSyncSettings(services: Services, viewer: Viewer | null): Promise<SyncSettings> {
  requireScope(viewer, 'read');
  const config = await services.prisma.syncConfig.findUnique({ where: { userId: viewer.userId } });
  if (config) return toSettings(config);
  const user = await services.prisma.user.findUniqueOrThrow({ where: { id: viewer.userId } });
  return {
    userId: viewer.userId,
    enabled: false,
    frequencyHours: 24,
    lastSyncAt: await lastSyncOf(services.database, viewer.userId),
    nextSyncAt: null,
    failuresInARow: 0,
    lastFailure: null,
    pausedAt: null,
    pauseReason: null,
    createdAt: user.createdAt,
    updatedAt: user.createdAt,
    hasExportUrl: false,
  };
}

/**
 * Sets the schedule anew, which also ends a pause. Throws an InvalidInputError when the URL can never be fetched, or when syncing
 * is turned on without one.
 */
export async function configureSync(
  services: Services,
  viewer: Viewer | null,
  input: ConfigureSyncInput,
): Promise<SyncSettings> {
  requireScope(viewer, 'write');
  const { userId } = viewer;
  const { enabled, exportUrl, frequencyHours } = parseInput(configureSyncInput, input);
  if (exportUrl) services.downloads.check(exportUrl);

  const config = await services.database.transaction(async (tx) => {
    // As in the deletion of an account: its row first, which the audit's points to.
    await tx.query('SELECT FROM users WHERE id = $1 FOR KEY SHARE', [userId]);
    const present = await lockConfig(tx, userId);
    const exportUrlSealed =
      exportUrl === undefined ? present.exportUrlSealed : sealUrl(services, userId, exportUrl);
    if (enabled && !exportUrlSealed) {
      throw new InvalidInputError([
        { path: ['exportUrl'], message: 'An export URL is needed to turn syncing on.', type: 'missing' },
      ]);
    }
    const every = frequencyHours ?? present.frequencyHours;
    const nextSyncAt = enabled ? firstDueAt(userId, every, present.lastSyncAt) : null;
    const written = await writeConfig(tx, userId, [enabled, exportUrlSealed, every, nextSyncAt]);
    const schedule = enabled ? `on, every ${every} hours` : 'off';
    const url = exportUrl === undefined ? '' : `, export URL ${exportUrl ? 'set' : 'removed'}`;
    await recordAudit(tx, viewer, 'sync.configured', `${schedule}${url}`);
    return written;
  });
  await alignSchedule(services, userId);
  return toSettings(config);
}

const sealUrl = ({ secrets }: Services, userId: string, url: string | null) =>
  url ? secrets.seal(url, sealContext(userId)) : null;

/** The user's row, which is nobody else's to change until the commit; that of the defaults when there was none. */
async function lockConfig(tx: Transaction, userId: string): Promise<SyncConfig> {
  await tx.execute(
    `INSERT INTO sync_configs (user_id, last_sync_at, updated_at) VALUES ($1, $2, now())
     ON CONFLICT (user_id) DO NOTHING`,
    [userId, await lastSyncOf(tx, userId)],
  );
  return onlyRow(
    await tx.query<SyncConfig>(`SELECT ${COLUMNS} FROM sync_configs WHERE user_id = $1 FOR UPDATE`, [userId]),
  );
}

/** `updated_at` is later than any task that was begun for what the row said before: hence the clock, behind the lock. */
async function writeConfig(
  tx: Transaction,
  userId: string,
  values: [enabled: boolean, exportUrlSealed: Uint8Array | null, every: number, nextSyncAt: Date | null],
): Promise<SyncConfig> {
  return onlyRow(
    await tx.query<SyncConfig>(
      `UPDATE sync_configs SET enabled = $2, export_url_sealed = $3, frequency_hours = $4, next_sync_at = $5,
         failures_in_a_row = 0, last_failure = NULL, paused_at = NULL, updated_at = clock_timestamp()
       WHERE user_id = $1 RETURNING ${COLUMNS}`,
      [userId, ...values],
    ),
  );
}

function onlyRow([config]: SyncConfig[]): SyncConfig {
  if (!config) throw new Error('The row of a schedule is gone.');
  return config;
}

/** When a sync last brought something in, or found nothing new, for users without settings, which keep it for others. */
async function lastSyncOf(database: Pick<Transaction, 'query'>, userId: string): Promise<Date | null> {
  const [last] = await database.query<{ at: Date | null }>(
    `SELECT max(finished_at) AS at FROM sync_tasks WHERE user_id = $1 AND status IN ('COMPLETED', 'PARTIAL')`,
    [userId],
  );
  return last?.at ?? null;
}

/** Gives a user who never configured anything the settings of the environment. Throws as `configureSync` does. */
export async function configureSyncOnce(
  services: Services,
  viewer: Viewer,
  initial: { enabled: boolean; exportUrl: string | null; frequencyHours: number },
): Promise<void> {
  if (!initial.exportUrl) return;
  const present = await services.prisma.syncConfig.count({ where: { userId: viewer.userId } });
  if (present === 0) await configureSync(services, viewer, initial);
}

/**
 * The configured URL in clear, for the one place that starts a sync; null when there is none. Throws an
 * InvalidInputError when the server's key has changed since it was sealed.
 */
export async function configuredExportUrl(services: Services, userId: string): Promise<string | null> {
  const config = await services.prisma.syncConfig.findUnique({ where: { userId } });
  if (!config?.exportUrlSealed) return null;
  try {
    return services.secrets.open(config.exportUrlSealed, sealContext(userId));
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    throw new InvalidInputError([{ path: ['exportUrl'], message: error.message, type: 'unreadable' }]);
  }
}

function toSettings(config: SyncConfig): SyncSettings {
  const { exportUrlSealed, ...rest } = config;
  return { ...rest, hasExportUrl: exportUrlSealed !== null, pauseReason: pauseReason(config) };
}
