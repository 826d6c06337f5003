/** The two requests of the tus protocol that the uploader does not make by itself. */

const VERSION = { 'Tus-Resumable': '1.0.0' };

/** How much of an upload the server has; null when it has none of it any more, or cannot be asked. */
export async function offsetOf(url: string): Promise<number | null> {
  const response = await fetch(url, { method: 'HEAD', headers: VERSION }).catch(() => null);
  const offset = response?.ok ? response.headers.get('Upload-Offset') : null;
  return offset === null || offset === undefined ? null : Number(offset);
}

/** Starts the import of an upload that is whole; null when the server cannot be reached. */
export function startImport(url: string, totalBytes: number): Promise<Response | null> {
  return fetch(url, {
    method: 'PATCH',
    headers: {
      ...VERSION,
      'Upload-Offset': String(totalBytes),
      'Content-Type': 'application/offset+octet-stream',
    },
  }).catch(() => null);
}
