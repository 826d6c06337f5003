/** Writes a made-up ChatGPT export: node bench/generate.ts --mb 50 --seed 1 --out file.zip [--shards] [--era full|slim] [--changed 0.08] */
import { parseArgs } from 'node:util';
import { generateExport } from './generator/index.ts';

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
    shards: { type: 'boolean', default: false },
    era: { type: 'string', default: 'full' },
    changed: { type: 'string', default: '0' },
  },
});

const [mb, seed, changedShare] = [Number(values.mb), Number(values.seed), Number(values.changed)];
const era = values.era === 'full' || values.era === 'slim' ? values.era : undefined;
if (
  era === undefined ||
  values.out === undefined ||
  !(mb > 0) ||
  !Number.isSafeInteger(seed) ||
  !(changedShare >= 0)
) {
  process.stderr.write(
    'Usage: node bench/generate.ts --mb 50 --seed 1 --out file.zip [--shards] [--era full|slim] [--changed 0.08]\n' +
      '--mb is the uncompressed size of the conversations in millions of bytes.\n',
  );
  process.exit(2);
}

const startedMs = performance.now();
const made = await generateExport({
  path: values.out,
  targetBytes: mb * 1e6,
  seed,
  sharded: values.shards,
  era,
  changedShare,
});
const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(`${JSON.stringify({ ...made, seconds, peakRssMb })}\n`);
