import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

// Apart from the other tests, because it installs all packages anew and takes a minute: npm run test:image.
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/deploy/replay/*.test.ts'], exclude: [] },
});
