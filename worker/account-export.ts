import { type AccountExportCounts, accountExport, countAccountItems } from '../src/domain/account/export.ts';
import type { BackgroundHandler } from './background.ts';
import { zipOf } from './zip.ts';

/** Makes the zip of everything that is kept of a user. A run that was broken off begins anew: the zip is one stream. */
export const exportAccount: BackgroundHandler<'ACCOUNT_EXPORT'> = async (services, run) => {
  const { userId } = run.lease;
  const counts: AccountExportCounts = {
    conversations: 0,
    messages: 0,
    originals: 0,
    assets: 0,
    missingAssets: 0,
  };
  let done = 0;
  run.report({ done, total: await countAccountItems(services, userId) });
  const onItem = () => {
    done += 1;
    run.report({ done });
  };
  const day = new Date().toISOString().slice(0, 10);
  const zip = zipOf(accountExport(services, userId, counts, onItem), run.signal);
  await run.store(`sidecar-account-${day}.zip`, zip);
  return counts;
};
