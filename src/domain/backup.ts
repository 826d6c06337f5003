/**
 * What a backup says of itself, and which backups may be restored. A backup is a tar of
 *
 *   backup.json                            its head
 *   tables/<table>/<number>.copy.zst       PostgreSQL's COPY text of a table, cut anywhere, each piece a Zstandard frame
 *   files/<user>/<sha256>                  the content of an attachment, or of a file that a task made
 *   missing/<user>/<sha256>                empty: a row names this content, and the store did not have it whole
 *   summary.json                           counts and hashes, by which a backup that was cut short is known
 */
import { z } from 'zod';

export const HEAD_ENTRY = 'backup.json';
export const SUMMARY_ENTRY = 'summary.json';

/** Unquoted, such a name means itself in SQL. */
const identifier = z.string().regex(/^[a-z_][a-z0-9_]*$/);
const count = z.int().nonnegative();

const migration = z.strictObject({ name: z.string(), checksum: z.string() });
const table = z.strictObject({ name: identifier, columns: z.array(identifier).min(1) });

const head = z.object({
  format: z.literal('sidecar-backup'),
  version: z.literal(1),
  madeAt: z.iso.datetime(),
  migrations: z.array(migration).min(1),
  /** What is referred to stands before what refers to it. */
  tables: z.array(table),
});

const summary = z.strictObject({
  /** By table; the hash is that of its compressed pieces one after the other. */
  tables: z.record(identifier, z.strictObject({ rows: count, sha256: z.hex() })),
  files: count,
  missing: count,
});

/** A migration that a database has, with the SHA-256 of its SQL. */
export type AppliedMigration = z.infer<typeof migration>;
export type BackupTable = z.infer<typeof table>;
export type BackupHead = z.infer<typeof head>;
export type BackupSummary = z.infer<typeof summary>;

/** A file is no backup, is damaged, or does not fit this version or this place. */
export class BackupError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BackupError';
  }
}

const DAMAGED = 'The backup is damaged';

/** Throws a BackupError for what is no backup, or one in a form of a later version. */
export function parseHead(text: string): BackupHead {
  const value = parseJson(text);
  const { format, version } = z
    .object({ format: z.string(), version: z.int() })
    .catch({ format: '', version: 0 })
    .parse(value);
  if (format !== 'sidecar-backup') throw new BackupError('The file is no backup of Sidecar.');
  if (version > 1) throw newerVersion();
  const parsed = head.safeParse(value);
  if (!parsed.success) throw new BackupError(`${DAMAGED}: its head cannot be read.`);
  return parsed.data;
}

/** Throws a BackupError. */
export function parseSummary(text: string): BackupSummary {
  const parsed = summary.safeParse(parseJson(text));
  if (!parsed.success) throw new BackupError(`${DAMAGED}: its summary cannot be read.`);
  return parsed.data;
}

/**
 * Whether this version, with its own migrations `known` in their order, can bring a database to the level of `applied`.
 * Throws a BackupError that says why not.
 */
export function requireKnown(applied: AppliedMigration[], known: AppliedMigration[]): void {
  for (const [index, { name, checksum }] of applied.entries()) {
    const own = known[index];
    if (own?.name === name && own.checksum === checksum) continue;
    if (!known.some((each) => each.name === name)) throw newerVersion(name);
    throw new BackupError(
      `The backup was made by another version of Sidecar: its migration ${name} is not this version's. Restore it with that version.`,
    );
  }
}

const newerVersion = (migration?: string) =>
  new BackupError(
    `The backup was made by a newer version of Sidecar${migration ? ` (it has the migration ${migration})` : ''}. Update Sidecar, then restore it.`,
  );

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
