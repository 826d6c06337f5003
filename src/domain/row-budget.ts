import DataLoader from 'dataloader';
import { InvalidInputError } from './errors.ts';
import type { Services } from './services.ts';
import type { Viewer } from './viewer.ts';

/** The most items of a list that has no pages. */
export const MAX_LISTED = 100;
/** Ten times what a page of 100 messages has of alternatives and files. */
const MAX_ROWS = 20_000;
/** Lists that are read by one statement, so that it answers 5,000 rows at most. */
const LISTS_AT_ONCE = 50;

/** What one operation may read through fields that have no pages, each of which may hold as many again. */
export interface RowBudget {
  /** Throws a TooManyRowsError when no more is left. */
  spend(rows: number): void;
}

export class TooManyRowsError extends InvalidInputError {
  constructor() {
    const message = `The operation reads more than ${MAX_ROWS} rows through lists without pages: nest fewer of them, or ask for smaller pages.`;
    super([{ path: [], message, type: 'too_many_rows' }]);
  }
}

export function createRowBudget(): RowBudget {
  let spent = 0;
  return {
    spend(rows) {
      spent += rows;
      if (spent > MAX_ROWS) throw new TooManyRowsError();
    },
  };
}

type Load<Key, Row> = (services: Services, viewer: Viewer, budget: RowBudget, key: Key) => Promise<Row[]>;

/**
 * Makes one statement of the lists that an operation asks for at the same time, and spends what they hold. Statements
 * follow each other, so that nothing is read any more once the budget is used up. `read` answers by the `nameOf` a key,
 * and no more than MAX_LISTED rows for each.
 */
export function batchedLists<Key, Row>(
  nameOf: (key: Key) => string,
  read: (services: Services, viewer: Viewer, keys: Key[]) => Promise<Map<string, Row[]>>,
): Load<Key, Row> {
  const loaders = new WeakMap<Viewer, WeakMap<RowBudget, DataLoader<Key, Row[]>>>();
  return (services, viewer, budget, key) => {
    const own = loaders.get(viewer) ?? new WeakMap<RowBudget, DataLoader<Key, Row[]>>();
    loaders.set(viewer, own);
    const loader = own.get(budget) ?? openLoader(budget, nameOf, (keys) => read(services, viewer, keys));
    own.set(budget, loader);
    return loader.load(key);
  };
}

function openLoader<Key, Row>(
  budget: RowBudget,
  nameOf: (key: Key) => string,
  read: (keys: Key[]) => Promise<Map<string, Row[]>>,
): DataLoader<Key, Row[]> {
  let before: Promise<unknown> = Promise.resolve();
  const readBatch = async (keys: readonly Key[]) => {
    budget.spend(0);
    // Each once: the same list may be asked for many times.
    const found = await read([...new Map(keys.map((key) => [nameOf(key), key])).values()]);
    return keys.map((key) => {
      const rows = found.get(nameOf(key)) ?? [];
      // One that is empty costs something as well.
      budget.spend(Math.max(1, rows.length));
      return rows;
    });
  };
  return new DataLoader(
    (keys) => {
      const batch = before.then(() => readBatch(keys));
      before = batch.catch(() => undefined);
      return batch;
    },
    { cache: false, maxBatchSize: LISTS_AT_ONCE },
  );
}
