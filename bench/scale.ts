import { type BenchOptions, openStage } from './import/stage.ts';
import { measureFairness } from './scale/fairness.ts';
import { measureManyUsers } from './scale/many-users.ts';
import { measureSoak } from './scale/soak.ts';

const USER_MB = 1;
const LARGE_MB = 200;
/** Of zips as the generator makes them: what has 1 MB inside is below, what has 200 is above. */
const LARGE_ARCHIVE_BYTES = 2_000_000;

/** Prints how imports share workers: many users at once, small behind large, and whether anything grows or is left behind. */
export async function benchScale(options: BenchOptions): Promise<void> {
  const stage = await openStage(options, { LARGE_ARCHIVE_BYTES: String(LARGE_ARCHIVE_BYTES) });
  try {
    await measureManyUsers(stage, options.mb[0] ?? USER_MB);
    await measureFairness(stage, options.mb[1] ?? LARGE_MB);
    await measureSoak(stage, options);
  } finally {
    await stage.close();
  }
}
