import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { SyncError } from '../domain/errors.ts';
import type { Secrets } from '../domain/services.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM with a key derived from the server's API key (HKDF-SHA256, RFC 5869). Sealed form: nonce, tag,
 * ciphertext. `context` is authenticated, so that a value cannot be moved to another row.
 */
export function createSecrets(apiKey: string): Secrets {
  const key = Buffer.from(hkdfSync('sha256', apiKey, 'sidecar', 'seal', 32));
  return {
    seal(plain, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed);
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
          .setAAD(Buffer.from(context))
          .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        return Buffer.concat([
          decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)),
          decipher.final(),
        ]).toString('utf8');
      } catch (error) {
        throw new SyncError(
          'SECRET_UNREADABLE',
          'The stored export URL cannot be read since API_KEY has changed. Enter the URL again.',
          { cause: error },
        );
      }
    },
  };
}
