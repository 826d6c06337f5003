import { expect, test } from 'vitest';
import { TransientError, toSyncError } from '../../src/infra/downloads/failures.ts';

const failed = (syscall: string, code: string) =>
  Object.assign(new Error(`${code}: it failed, ${syscall}`), { code, syscall });

/** As Node throws where a name has several addresses: with the code of the first, and without a call of its own. */
const failedEach = (...errors: ReturnType<typeof failed>[]) =>
  Object.assign(new AggregateError(errors), { code: errors[0]?.code });

test.each(['EACCES', 'EPERM'])(
  'A firewall that forbids (%s) all addresses of a name is no full disk',
  (code) => {
    for (const error of [
      failed('connect', code),
      failedEach(failed('connect', code), failed('connect', 'ENETUNREACH')),
    ]) {
      expect(toSyncError(error)).toMatchObject({ code: 'DOWNLOAD_FAILED', retryable: true, cause: error });
    }
  },
);

test.each([
  ['open', 'EACCES', 'NO_SPACE'],
  ['write', 'ENOSPC', 'NO_SPACE'],
  ['open', 'EMFILE', 'DISK_FAILED'],
  ['write', 'EIO', 'DISK_FAILED'],
  ['fsync', 'EIO', 'DISK_FAILED'],
  ['rename', 'EXDEV', 'DISK_FAILED'],
])('A disk that fails to %s (%s) is not taken for the link’s server', (syscall, errno, code) => {
  const failure = toSyncError(failed(syscall, errno));
  expect(failure).toMatchObject({ code, retryable: true });
  expect(failure).not.toBeInstanceOf(TransientError);
  expect(failure.message).not.toContain('link');
});

test.each([
  ['read', 'ECONNRESET'],
  ['write', 'EPIPE'],
  ['write', 'ECONNRESET'],
  ['getaddrinfo', 'EAI_AGAIN'],
])('A connection that fails to %s (%s) is not taken for the disk', (syscall, code) => {
  expect(toSyncError(failed(syscall, code))).toMatchObject({ code: 'DOWNLOAD_FAILED', retryable: true });
});
