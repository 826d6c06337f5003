import { access, constants, mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Files } from '../../domain/services.ts';
import { type Check, mend, note, ok, reasonOf } from './finding.ts';

/** In the place of a user: no real one has this id. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
const GIB = 1024 ** 3;
/** Below this the next import, or PostgreSQL itself, may run out of room. */
const MIN_FREE_BYTES = GIB;

const gib = (bytes: number) => `${Math.round((bytes / GIB) * 10) / 10} GiB`;

/** Whether the data directory can be written and has room for the largest archive that is taken. */
export async function* checkDataDirectory(dataDir: string, maxArchiveBytes: number): Check {
  const directory = resolve(dataDir);
  const present = await firstPresent(directory);
  try {
    await tryToWrite(present, present === directory);
  } catch (error) {
    yield mend(
      `${present} cannot be written (${reasonOf(error)}). Give it to the user who runs Sidecar, or set another DATA_DIR.`,
    );
    return;
  }
  if (present === directory) yield ok(`${directory} can be written.`);
  else yield note(`${directory} is not there yet: the first start makes it.`);
  const { bavail, bsize } = await statfs(present);
  const freeBytes = bavail * bsize;
  if (freeBytes < MIN_FREE_BYTES) yield mend(`The disk of ${present} has ${gib(freeBytes)} left. Make room.`);
  else if (freeBytes < maxArchiveBytes) {
    yield note(
      `The disk of ${present} has ${gib(freeBytes)} left, less than the largest archive that is taken (MAX_ARCHIVE_BYTES, ${gib(maxArchiveBytes)}).`,
    );
  } else yield ok(`Its disk has ${gib(freeBytes)} left.`);
}

/** Whether a folder from which exports are imported is there and may be read. */
export async function* checkFolder(path: string, variable: string): Check {
  try {
    if (!(await stat(path)).isDirectory()) {
      yield mend(`${path} is no folder. Correct ${variable}.`);
      return;
    }
    await access(path, constants.R_OK | constants.X_OK);
    yield ok(`${path} can be read.`);
  } catch (error) {
    yield mend(`${path} cannot be read (${reasonOf(error)}). Make it, or correct ${variable}.`);
  }
}

/** Writes a file, reads it and removes it again, as an attachment would be, in a folder or a bucket. */
export async function* checkFiles(
  open: () => Promise<Files & { close(): Promise<void> }>,
  isBucket: boolean,
): Check {
  const content = Buffer.from(`sidecar-doctor ${Date.now()}`);
  const files = await open();
  try {
    const { sha256 } = await files.put(NOBODY, once(content));
    const read = await buffer(await files.read(NOBODY, sha256));
    await files.remove(NOBODY, sha256);
    // As an account is deleted, which lists what is there.
    await files.removeAll(NOBODY);
    if (read.equals(content))
      yield ok(isBucket ? 'The bucket takes, gives and removes files.' : 'Files can be stored.');
    else yield mend('A file came back changed from the store.');
  } catch (error) {
    yield mend(
      isBucket ? `The bucket refuses: ${bucketReason(error)}` : `Files cannot be stored: ${reasonOf(error)}.`,
    );
  } finally {
    await files.close();
  }
}

/** What S3's errors mean here, by their names; their messages may quote the key's id. */
function bucketReason(error: unknown): string {
  const { name = '', code = '' } = error as { name?: string; code?: string };
  const advice: Record<string, string> = {
    NoSuchBucket: 'there is no such bucket. Correct S3_BUCKET, S3_REGION and S3_ENDPOINT, or make it.',
    InvalidAccessKeyId: 'it does not know the key. Correct S3_ACCESS_KEY_ID.',
    SignatureDoesNotMatch: 'the secret is wrong. Correct S3_SECRET_ACCESS_KEY.',
    AccessDenied: 'the key may not write there. Let it put, get, list and delete objects.',
    PermanentRedirect: 'it stands in another region. Correct S3_REGION.',
    RequestTimeTooSkewed: 'the clock of this machine is wrong. Synchronize it by NTP.',
  };
  return (
    advice[name] ?? `${code || name || 'it does not answer'}. Look at S3_ENDPOINT, S3_REGION and S3_BUCKET.`
  );
}

async function firstPresent(path: string): Promise<string> {
  const isPresent = await access(path).then(
    () => true,
    () => false,
  );
  return isPresent || path === dirname(path) ? path : firstPresent(dirname(path));
}

/** Into the directory itself; above one that is still to be made, a folder alone, which is what the start will make. */
async function tryToWrite(directory: string, isItself: boolean): Promise<void> {
  await access(directory, constants.W_OK | constants.X_OK);
  const path = join(directory, `.sidecar-doctor-${process.pid}`);
  try {
    if (isItself) await writeFile(path, 'doctor', { flush: true });
    else await mkdir(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
