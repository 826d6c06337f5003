/** Checks a configuration and all that it names, and says what to mend: npm run doctor. Ends with 1 when something is. */
import { type Config, ConfigError, loadStartConfig, secretsOf } from '../config.ts';
import { checkDatabase, WITHOUT_VECTORS } from '../infra/doctor/database.ts';
import { type Check, type Finding, findingsOf, mend, note, ok } from '../infra/doctor/finding.ts';
import { checkGoogle } from '../infra/doctor/google.ts';
import { checkChat, checkEmbeddings } from '../infra/doctor/models.ts';
import { checkPooler } from '../infra/doctor/pooler.ts';
import { checkRedis } from '../infra/doctor/redis.ts';
import { checkReplicas } from '../infra/doctor/replica.ts';
import { checkDataDirectory, checkFiles, checkFolder } from '../infra/doctor/storage.ts';
import { hasEmbeddedPostgres } from '../infra/embedded-postgres.ts';
import { createLogger } from '../infra/logger.ts';
import { type Program, runProgram } from '../infra/program.ts';
import { problemsOfStart } from '../infra/start-problems.ts';
import { openChat, openEmbeddings, openFiles } from '../services.ts';
import { openDatabaseUrl } from './database-url.ts';

const MIN_NODE = 24;
const marks: Record<Finding['level'], string> = { ok: 'ok   ', note: 'note ', mend: 'MEND ' };
const logger = createLogger({ logLevel: 'silent' }, 'doctor');

await runProgram(examine);

async function examine(program: Program): Promise<number> {
  let mends = 0;
  let secrets: string[] = [];
  const tell = async (area: string, check: Check) => {
    for await (const finding of findingsOf(area, check)) {
      if (finding.level === 'mend') mends += 1;
      // What a server says of a failed request is its own, and might quote what it was sent.
      const message = secrets.reduce((text, secret) => text.replaceAll(secret, '…'), finding.message);
      process.stdout.write(`${marks[finding.level]} ${area.padEnd(14)} ${message}\n`);
    }
  };
  await tell('node', checkNode());
  const config = await readConfig();
  if (config instanceof ConfigError) await tell('configuration', checkProblems(config.problems));
  else {
    secrets = secretsOf(config);
    await tell('configuration', checkStart(config));
    await tell('database', checkOwnDatabase(program, config));
    if (config.replicaUrls.length > 0) await tell('replicas', checkReplicas(config.replicaUrls));
    await tell('redis', config.redis ? checkRedis(config.redis) : withoutRedis());
    await tell('data directory', checkDataDirectory(config.dataDir, config.sync.maxArchiveBytes));
    if (config.s3)
      await tell(
        'bucket',
        checkFiles(() => openFiles(config), true),
      );
    const { ingestRoot, worker } = config;
    if (ingestRoot) await tell('imports', checkFolder(ingestRoot, 'INGEST_ROOT'));
    if (worker.watchDir) await tell('imports', checkFolder(worker.watchDir, 'WATCH_DIR'));
    await tell('google', checkGoogle(config));
    await tell(
      'chat',
      checkChat(() => openChat(config, logger)),
    );
    await tell(
      'embeddings',
      checkEmbeddings(() => openEmbeddings(config, logger)),
    );
  }
  process.stdout.write(mends === 0 ? 'All is well.\n' : `${mends} to mend.\n`);
  return mends === 0 ? 0 : 1;
}

async function readConfig(): Promise<Config | ConfigError> {
  try {
    return await loadStartConfig(process.env, problemsOfStart);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** What else a start would refuse. Folders are looked at below, where the data directory is not made. */
async function* checkStart({ sync }: Config): Check {
  const { allowedHosts, initial } = sync;
  const folders = { dataDir: null, ingestRoot: null };
  yield* checkProblems(await problemsOfStart({ ...folders, allowedHosts, exportUrl: initial.exportUrl }));
}

async function* checkProblems(problems: string[]): Check {
  if (problems.length === 0) yield ok('Every variable is right.');
  for (const problem of problems) yield mend(`${problem}.`);
}

async function* checkNode(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < MIN_NODE)
    yield mend(`This is Node ${process.versions.node}. Run it by npm, or use ${MIN_NODE} or newer.`);
  else yield ok(`Node ${process.versions.node}.`);
}

async function* checkOwnDatabase(program: Program, config: Config): Check {
  if (!config.databaseUrl && !(await hasEmbeddedPostgres(config.dataDir))) {
    yield note('PostgreSQL is embedded: the first start makes it in DATA_DIR.');
    if (config.embeddings) yield mend(WITHOUT_VECTORS);
    return;
  }
  const url = await openDatabaseUrl(program, config, logger);
  yield* checkDatabase(url, config.embeddings !== null);
  if (config.databaseUrl && config.databaseUrl !== url) yield* checkPooler(config.databaseUrl, url);
}

async function* withoutRedis(): Check {
  yield note('Queue and events run on PostgreSQL: REDIS_URL is not set. Set it for workers of their own.');
}
