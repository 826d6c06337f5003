/** Builds the pages into dist/web: `npm run build:web`. */
import { buildWeb } from '../web-build.ts';

await buildWeb();
