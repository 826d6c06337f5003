import { contradictions } from './config/contradictions.ts';
import { ConfigError, type Places, readPlaces } from './config/problems.ts';
import { passwordsOf, type RedisConfig } from './config/redis-url.ts';
import { type logLevels, type TrustProxy, variables } from './config/variables.ts';

export { ConfigError, type Places } from './config/problems.ts';
export type { RedisConfig } from './config/redis-url.ts';

/**
 * Everything that the environment decides. A feature that can be off is null when it is off, so that what depends on
 * it exists only when it is on.
 */
export interface Config {
  environment: 'development' | 'production';
  http: {
    host: string;
    port: number;
    trustProxy: TrustProxy;
    /** Origins of pages from elsewhere that may call this server, such as https://app.example.com */
    corsOrigins: string[];
    /** How long headers and a small body may take to arrive, and how long an upload may pause. */
    requestTimeoutMs: number;
  };
  limits: {
    /** Multiplies every rate limit; 0 lifts them. */
    rateFactor: number;
    /** Open subscriptions of one user in one process. */
    maxSubscriptions: number;
  };
  dataDir: string;
  /** Null: PostgreSQL is embedded in `dataDir`. */
  databaseUrl: string | null;
  /** The same without a pooler between, for what needs a session: migrations, workers, events, backups. */
  directUrl: string | null;
  /** Databases that follow that one, to read from. */
  replicaUrls: string[];
  /** Null: queue and events run on PostgreSQL, and the worker in the API's process. */
  redis: RedisConfig | null;
  /** Null: made at first start and kept in `dataDir`. */
  apiKey: string | null;
  sessions: { lifetimeMs: number; idleMs: number };
  /** Null: nobody signs in with Google. */
  google: GoogleConfig | null;
  sync: {
    allowedHosts: string[];
    maxArchiveBytes: number;
    maxExpandedBytes: number;
    /** The owner's first sync configuration. */
    initial: { enabled: boolean; exportUrl: string | null; frequencyHours: number };
  };
  /** Null: attachments lie below `dataDir`. */
  s3: S3Config | null;
  /** Null: no folder of this server may be imported. */
  ingestRoot: string | null;
  /** Null: nobody can chat with their history. */
  chat: ChatConfig | null;
  /** Null: search goes by words alone. */
  embeddings: EmbeddingsConfig | null;
  /** Null: metrics are served to administrators alone, by the API. */
  metrics: { host: string; port: number } | null;
  /** Null: no traces are sent. Else where to, what the collector asks for, and the part of new traces that is kept, 0 to 1. */
  tracing: { tracesUrl: string; headers: Record<string, string>; ratio: number } | null;
  worker: {
    concurrency: number;
    /** Imports of so many bytes and more leave one of the worker's places to others. */
    largeArchiveBytes: number;
    /** Null: no folder is watched. */
    watchDir: string | null;
  };
  /** Of the time `graceMs` from the signal to stop until the end, requests are taken as before for `delayMs`. */
  shutdown: { graceMs: number; delayMs: number };
  logLevel: (typeof logLevels)[number];
}

/** Sign-in with Google, or with another OpenID provider in its place. */
export interface GoogleConfig {
  clientId: string;
  clientSecret: string;
  redirectUri: string;
  authorizationUrl: string;
  tokenUrl: string;
  userinfoUrl: string;
  /** Addresses or domains; null lets everybody in whom Google vouches for. */
  allowedEmails: string[] | null;
}

/** A bucket of any S3-compatible store. */
export interface S3Config {
  bucket: string;
  region: string;
  /** Null: Amazon's own, by region. */
  endpoint: string | null;
  accessKeyId: string;
  secretAccessKey: string;
}

/** A server that speaks OpenAI's protocol, and its model. The operator's choice, so that it may be a private address. */
export interface ChatConfig {
  /** With the version, such as http://127.0.0.1:11434/v1 */
  baseUrl: string;
  /** Null: the server asks for none. */
  apiKey: string | null;
  model: string;
  /** Tokens of the model's window, the answer included. */
  contextTokens: number;
  firstTokenTimeoutMs: number;
  nextTokenTimeoutMs: number;
}

/** A server that speaks OpenAI's protocol, and its model of what texts mean. */
export interface EmbeddingsConfig {
  /** With the version, such as http://127.0.0.1:11434/v1 */
  baseUrl: string;
  /** Null: the server asks for none. */
  apiKey: string | null;
  model: string;
  /** Tokens of the model's window: what is longer is cut. */
  contextTokens: number;
}

const HOUR_MS = 3_600_000;

/** Every value that must be told to nobody; of a database's URL the whole and the password. */
export function secretsOf(config: Config): string[] {
  const { apiKey, databaseUrl, directUrl, replicaUrls, redis, google, s3, chat, embeddings, sync, tracing } =
    config;
  const databases = [databaseUrl ?? '', directUrl ?? '', ...replicaUrls];
  const passwords = databases.map((url) => URL.parse(url)?.password ?? '');
  return [
    ...databases,
    ...passwords,
    ...passwords.map(decoded),
    ...passwordsOf(redis),
    sync.initial.exportUrl,
    apiKey,
    google?.clientSecret,
    s3?.secretAccessKey,
    chat?.apiKey,
    embeddings?.apiKey,
    ...Object.values(tracing?.headers ?? {}),
  ].filter((secret) => typeof secret === 'string' && secret !== '') as string[];
}

/** A password that holds a % as itself is what it says. */
function decoded(password: string): string {
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}

/** Every variable that is read, for the test that holds `.env.example` complete. */
export const variableNames = Object.keys(variables.shape);

/**
 * The configuration of a program that starts. Throws a ConfigError that lists all that is wrong: with values, and then what
 * `problemsOfStart` has to say of this machine.
 */
export async function loadStartConfig(
  env: Record<string, string | undefined>,
  problemsOfStart: (places: Places) => Promise<string[]>,
): Promise<Config> {
  try {
    return loadConfig(env);
  } catch (error) {
    // What is right is held against the machine when its services are opened.
    if (!(error instanceof ConfigError) || error.places === null) throw error;
    throw new ConfigError([...error.problems, ...(await problemsOfStart(error.places))]);
  }
}

/** Reads the environment; empty values count as unset. Throws a ConfigError that lists all problems. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  problems.push(...contradictions(given));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems, readPlaces(given));

  const value = parsed.data;
  return {
    environment: value.ENVIRONMENT,
    http: {
      host: value.HOST,
      port: value.PORT,
      trustProxy: value.TRUST_PROXY,
      corsOrigins: value.CORS_ORIGINS,
      requestTimeoutMs: value.REQUEST_TIMEOUT_SECONDS * 1_000,
    },
    limits: { rateFactor: value.RATE_LIMIT_FACTOR, maxSubscriptions: value.MAX_SUBSCRIPTIONS },
    dataDir: value.DATA_DIR,
    databaseUrl: value.DB_URL ?? null,
    directUrl: value.DB_DIRECT_URL ?? value.DB_URL ?? null,
    replicaUrls: value.DB_REPLICA_URLS,
    redis: value.REDIS_URL ?? null,
    apiKey: value.API_KEY ?? null,
    sessions: {
      lifetimeMs: value.SESSION_LIFETIME_HOURS * HOUR_MS,
      idleMs: value.SESSION_IDLE_HOURS * HOUR_MS,
    },
    google:
      value.GOOGLE_CLIENT_ID && value.GOOGLE_CLIENT_SECRET && value.REDIRECT_URI
        ? {
            clientId: value.GOOGLE_CLIENT_ID,
            clientSecret: value.GOOGLE_CLIENT_SECRET,
            redirectUri: value.REDIRECT_URI,
            authorizationUrl: value.GOOGLE_AUTHORIZATION_URL,
            tokenUrl: value.GOOGLE_TOKEN_URL,
            userinfoUrl: value.GOOGLE_USERINFO_URL,
            allowedEmails: value.ALLOWED_EMAILS ?? null,
          }
        : null,
    sync: {
      allowedHosts: value.EXPORT_ALLOWED_HOSTS,
      maxArchiveBytes: value.MAX_ARCHIVE_BYTES,
      maxExpandedBytes: value.MAX_EXPANDED_BYTES,
      initial: {
        enabled: value.CHATGPT_SYNC_ENABLED,
        exportUrl: value.CHATGPT_EXPORT_URL ?? null,
        frequencyHours: value.CHATGPT_SYNC_INTERVAL_HOURS,
      },
    },
    s3: value.S3_BUCKET
      ? {
          bucket: value.S3_BUCKET,
          region: value.S3_REGION,
          endpoint: value.S3_ENDPOINT ?? null,
          accessKeyId: value.S3_ACCESS_KEY_ID ?? '',
          secretAccessKey: value.S3_SECRET_ACCESS_KEY ?? '',
        }
      : null,
    ingestRoot: value.INGEST_ROOT ?? null,
    chat:
      value.CHAT_BASE_URL && value.CHAT_MODEL
        ? {
            baseUrl: value.CHAT_BASE_URL,
            apiKey: value.CHAT_API_KEY ?? null,
            model: value.CHAT_MODEL,
            contextTokens: value.CHAT_CONTEXT_TOKENS,
            firstTokenTimeoutMs: value.CHAT_FIRST_TOKEN_SECONDS * 1_000,
            nextTokenTimeoutMs: value.CHAT_NEXT_TOKEN_SECONDS * 1_000,
          }
        : null,
    embeddings:
      value.EMBEDDINGS_BASE_URL && value.EMBEDDINGS_MODEL
        ? {
            baseUrl: value.EMBEDDINGS_BASE_URL,
            apiKey: value.EMBEDDINGS_API_KEY ?? null,
            model: value.EMBEDDINGS_MODEL,
            contextTokens: value.EMBEDDINGS_CONTEXT_TOKENS,
          }
        : null,
    metrics: value.METRICS_PORT === undefined ? null : { host: value.METRICS_HOST, port: value.METRICS_PORT },
    tracing: value.OTEL_EXPORTER_OTLP_ENDPOINT
      ? {
          tracesUrl: `${value.OTEL_EXPORTER_OTLP_ENDPOINT.replace(/\/$/, '')}/v1/traces`,
          headers: value.OTEL_EXPORTER_OTLP_HEADERS,
          ratio: value.OTEL_TRACES_SAMPLER_ARG,
        }
      : null,
    worker: {
      concurrency: value.WORKER_CONCURRENCY,
      largeArchiveBytes: value.LARGE_ARCHIVE_BYTES,
      watchDir: value.WATCH_DIR ?? null,
    },
    shutdown: {
      graceMs: value.SHUTDOWN_GRACE_SECONDS * 1_000,
      delayMs: value.SHUTDOWN_DELAY_SECONDS * 1_000,
    },
    logLevel: value.LOG_LEVEL,
  };
}
