import { z } from 'zod';
import type { SyncConfig } from '../../generated/prisma/client.ts';
import { recordAudit } from '../audit.ts';
import { InvalidInputError, SyncError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { Services } from '../services.ts';
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
    lastSyncAt: await lastSyncOf(services, viewer.userId),
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

  const present = await services.prisma.syncConfig.findUnique({ where: { userId } });
  const willHaveUrl = exportUrl === undefined ? Boolean(present?.exportUrlSealed) : Boolean(exportUrl);
  if (enabled && !willHaveUrl) {
    throw new InvalidInputError([
      { path: ['exportUrl'], message: 'An export URL is needed to turn syncing on.', type: 'missing' },
    ]);
  }
  const every = frequencyHours ?? present?.frequencyHours ?? 24;
  const change = {
    enabled,
    nextSyncAt: enabled ? firstDueAt(userId, every, present?.lastSyncAt ?? null) : null,
    failuresInARow: 0,
    lastFailure: null,
    pausedAt: null,
    ...(frequencyHours === undefined ? {} : { frequencyHours }),
    ...(exportUrl === undefined
      ? {}
      : { exportUrlSealed: exportUrl ? bytes(services.secrets.seal(exportUrl, sealContext(userId))) : null }),
  };
  const config = await services.prisma.syncConfig.upsert({
    where: { userId },
    create: { userId, lastSyncAt: present ? null : await lastSyncOf(services, userId), ...change },
    update: change,
  });
  const schedule = config.enabled ? `on, every ${config.frequencyHours} hours` : 'off';
  const url = exportUrl === undefined ? '' : `, export URL ${exportUrl ? 'set' : 'removed'}`;
  await recordAudit(services.database, viewer, 'sync.configured', `${schedule}${url}`);
  await alignSchedule(services, userId);
  return toSettings(config);
}

/** When a sync last brought something in, or found nothing new, for users without settings, which keep it for others. */
async function lastSyncOf(services: Services, userId: string): Promise<Date | null> {
  const last = await services.prisma.syncTask.findFirst({
    where: { userId, status: { in: ['COMPLETED', 'PARTIAL'] } },
    orderBy: { finishedAt: 'desc' },
    select: { finishedAt: true },
  });
  return last?.finishedAt ?? null;
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

/** Prisma's types want a view of a plain ArrayBuffer. */
const bytes = (sealed: Uint8Array) => new Uint8Array(sealed);
