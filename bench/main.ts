/** npm run bench -- import [--mb 50] [--runs 3] [--backend postgres|redis] [--profile folder] */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { benchApi } from './api.ts';
import { benchForeignIds } from './foreign-ids.ts';
import { benchGrowth } from './growth.ts';
import type { BenchOptions } from './import/stage.ts';
import { benchImport } from './import.ts';
import { benchQuality } from './quality.ts';
import { benchRss } from './rss.ts';
import { benchScale } from './scale.ts';
import { benchSearch } from './search.ts';
import { benchSubscriptions } from './subscriptions.ts';
import { benchUsers } from './users.ts';
import { benchWeb } from './web.ts';

/** Each prints its own table. */
const benches: Record<string, (options: BenchOptions) => Promise<void>> = {
  api: benchApi,
  'foreign-ids': benchForeignIds,
  growth: benchGrowth,
  import: benchImport,
  quality: benchQuality,
  rss: benchRss,
  scale: benchScale,
  search: benchSearch,
  subscriptions: benchSubscriptions,
  users: benchUsers,
  web: benchWeb,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mb: { type: 'string' },
    runs: { type: 'string', default: '3' },
    backend: { type: 'string', default: 'postgres' },
    profile: { type: 'string' },
  },
});
const bench = benches[positionals[0] ?? ''];
const mb = values.mb?.split(',').map(Number) ?? [];
const runs = Number(values.runs);
const { backend } = values;
if (
  !bench ||
  positionals.length > 1 ||
  !mb.every((size) => size > 0) ||
  !(Number.isInteger(runs) && runs > 0) ||
  (backend !== 'postgres' && backend !== 'redis')
) {
  process.stderr.write(
    `Usage: npm run bench -- ${Object.keys(benches).join('|')} [--mb 50,400] [--runs 3] [--backend postgres|redis] [--profile folder]\n` +
      '--mb is the uncompressed size of the exports; --profile keeps a CPU profile of each worker.\n',
  );
  process.exit(2);
}

const load = () =>
  loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
process.stdout.write(`load average before: ${load()}\n`);
await bench({ mb, runs, backend, profileFolder: values.profile ?? null });
process.stdout.write(`load average after: ${load()}\n`);
