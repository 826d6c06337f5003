import { NIL } from 'uuid';
import type { Asset } from '../../generated/prisma/client.ts';
import type { Services } from '../services.ts';

const PAGE = 500;
/** Compressed bytes of versions in memory at once. */
const PAGE_BYTES = 8 * 1024 * 1024;

/** What an account has one of, by its path in the export. Nothing that is a secret or opens a door. */
export async function recordsOf(services: Services, userId: string): Promise<[string, unknown][]> {
  const { prisma } = services;
  const where = { userId };
  const config = await prisma.syncConfig.findUnique({ where });
  const { exportUrlSealed, ...settings } = config ?? { exportUrlSealed: null };
  return [
    ['profile.json', await prisma.user.findUnique({ where: { id: userId } })],
    ['sync/settings.json', config && { ...settings, hasExportUrl: exportUrlSealed !== null }],
    ['sync/archives.json', await prisma.importedArchive.findMany({ where, omit: { userId: true } })],
    [
      'sync/sources.json',
      await prisma.knownSource.findMany({ where, omit: { urlHash: true, userId: true } }),
    ],
    ['account/api-keys.json', await prisma.apiKey.findMany({ where, omit: { keyHash: true, userId: true } })],
    [
      'account/sessions.json',
      await prisma.session.findMany({ where, omit: { tokenHash: true, data: true, userId: true } }),
    ],
  ];
}

type Rows = AsyncGenerator<unknown>;

/** What an account may have any number of, by its path in the export. */
export function auditOf(services: Services, userId: string): Record<string, Rows> {
  const { prisma } = services;
  return {
    'sync/tasks.jsonl': paged((id) =>
      prisma.syncTask.findMany({
        where: { userId, id: { gt: id } },
        omit: { userId: true, sourceSealed: true, leaseToken: true },
        orderBy: { id: 'asc' },
        take: PAGE,
      }),
    ),
    'sync/problems.jsonl': problemsOf(services, userId),
    'account/audit.jsonl': paged((id) =>
      prisma.auditEvent.findMany({
        where: { userId, id: { gt: id } },
        omit: { userId: true },
        orderBy: { id: 'asc' },
        take: PAGE,
      }),
    ),
    'account/tasks.jsonl': paged((id) =>
      prisma.backgroundTask.findMany({
        where: { userId, id: { gt: id } },
        omit: { userId: true, leaseToken: true },
        orderBy: { id: 'asc' },
        take: PAGE,
      }),
    ),
    'account/deleted-conversations.jsonl': deletedOf(services, userId),
  };
}

/** The talks with the history, each with its turns. */
export function chatsOf(services: Services, userId: string): Rows {
  return paged((id) =>
    services.prisma.chatSession.findMany({
      where: { userId, id: { gt: id } },
      omit: { userId: true },
      include: { turns: { omit: { userId: true, sessionId: true }, orderBy: { ordinal: 'asc' } } },
      orderBy: { id: 'asc' },
      take: PAGE / 10,
    }),
  );
}

/** Every attachment that messages point to, whether its content is here or not. */
export function listAssetRows(services: Services, userId: string): AsyncGenerator<Asset> {
  return paged((id) =>
    services.prisma.asset.findMany({
      where: { userId, id: { gt: id } },
      orderBy: { id: 'asc' },
      take: PAGE,
    }),
  );
}

/** The forms in which exports of a provider have shown conversations, compressed with Zstandard, by conversation. */
export async function* listVersions(
  services: Services,
  userId: string,
  provider: string,
): AsyncGenerator<Uint8Array> {
  let last: { conversationId: string; sha256: Uint8Array } = { conversationId: NIL, sha256: Buffer.alloc(0) };
  for (;;) {
    const keys = await services.database.query<{ conversationId: string; sha256: Buffer; bytes: number }>(
      `SELECT v.conversation_id AS "conversationId", v.sha256, octet_length(v.raw) AS bytes
       FROM conversation_versions v JOIN conversations c ON c.user_id = v.user_id AND c.id = v.conversation_id
       WHERE v.user_id = $1 AND c.provider = $2 AND (v.conversation_id, v.sha256) > ($3::uuid, $4::bytea)
       ORDER BY v.conversation_id, v.sha256 LIMIT $5`,
      [userId, provider, last.conversationId, last.sha256, PAGE],
    );
    for (const group of groupsOf(keys)) {
      const rows = await services.database.query<{ raw: Buffer }>(
        `SELECT raw FROM conversation_versions WHERE user_id = $1 AND sha256 = ANY($2::bytea[])
         ORDER BY conversation_id, sha256`,
        [userId, group.map(({ sha256 }) => sha256)],
      );
      for (const { raw } of rows) yield raw;
    }
    const end = keys.at(-1);
    if (!end || keys.length < PAGE) return;
    last = end;
  }
}

function groupsOf<Key extends { bytes: number }>(keys: Key[]): Key[][] {
  const groups: Key[][] = [];
  let room = 0;
  for (const key of keys) {
    if (key.bytes > room || groups.length === 0) {
      groups.push([]);
      room = PAGE_BYTES;
    }
    groups.at(-1)?.push(key);
    room -= key.bytes;
  }
  return groups;
}

/** All rows of a table that is paged by `id`. */
async function* paged<Row extends { id: string }>(
  read: (afterId: string) => Promise<Row[]>,
): AsyncGenerator<Row> {
  let last: string = NIL;
  for (;;) {
    const page = await read(last);
    yield* page;
    const end = page.at(-1);
    if (!end) return;
    last = end.id;
  }
}

async function* problemsOf(services: Services, userId: string): Rows {
  let after: { taskId: string; ordinal: number } = { taskId: NIL, ordinal: 0 };
  for (;;) {
    const page = await services.prisma.syncProblem.findMany({
      where: {
        userId,
        OR: [{ taskId: { gt: after.taskId } }, { taskId: after.taskId, ordinal: { gt: after.ordinal } }],
      },
      omit: { userId: true },
      orderBy: [{ taskId: 'asc' }, { ordinal: 'asc' }],
      take: PAGE,
    });
    yield* page;
    const end = page.at(-1);
    if (!end) return;
    after = end;
  }
}

async function* deletedOf(services: Services, userId: string): Rows {
  let after = { provider: '', externalId: '' };
  for (;;) {
    const page = await services.prisma.deletedConversation.findMany({
      where: {
        userId,
        OR: [
          { provider: { gt: after.provider } },
          { provider: after.provider, externalId: { gt: after.externalId } },
        ],
      },
      omit: { userId: true },
      orderBy: [{ provider: 'asc' }, { externalId: 'asc' }],
      take: PAGE,
    });
    yield* page;
    const end = page.at(-1);
    if (!end) return;
    after = end;
  }
}
