import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { compression, defineAlgorithm } from 'vite-plugin-compression2';

/** Where `npm run dev:web` finds the API. */
const api = process.env.SIDECAR ?? 'http://127.0.0.1:8088';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [
    react(),
    // Once here, so that the server need not do it for each visitor.
    compression({ algorithms: [defineAlgorithm('gzip', { level: 9 }), defineAlgorithm('brotliCompress')] }),
  ],
  build: {
    // Files of a page that was opened before an update must not vanish from a directory that is being served.
    emptyOutDir: true,
    // No script within the page: its policy forbids them.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // `/assets` holds the files of people's exports.
    assetsDir: 'assets-web',
    target: 'es2022',
  },
  server: {
    proxy: Object.fromEntries(
      ['/graphql', '/auth', '/sync', '/assets', '/exports', '/healthz'].map((path) => [
        path,
        { target: api, ws: true },
      ]),
    ),
  },
});
