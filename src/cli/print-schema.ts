/** Writes schema.graphql from the code: `npm run schema`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { printedSchema } from '../graphql/schema.ts';

await writeFile(fileURLToPath(new URL('../../schema.graphql', import.meta.url)), printedSchema());
