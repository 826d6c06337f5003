import proxyAddr from 'proxy-addr';
import { z } from 'zod';

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
  /** Null: queue and events run on PostgreSQL, and the worker in the API's process. */
  redisUrl: string | null;
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
  worker: { concurrency: number };
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

export type TrustProxy = boolean | number | string[];

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The shortest key that cannot be guessed: 24 characters of base64url are 144 bits. */
const MIN_API_KEY_LENGTH = 24;
const GIB = 1024 ** 3;
const HOUR_MS = 3_600_000;
const CALLBACK_PATH = '/auth/callback';
/** A provider on this machine may be reached without TLS, also in production: nobody stands between. */
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];
/** A name or address, an IPv6 address in brackets, with or without a port. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** Node's fetch gives a silent server up after 300 seconds. */
const MAX_MODEL_SECONDS = 290;

/** Thrown with every problem at once, each naming its variable. */
export class ConfigError extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    super(`The configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const flag = z
  .enum(['true', 'false', '1', '0', 'yes', 'no'], { error: 'must be true or false' })
  .transform((value) => value === 'true' || value === '1' || value === 'yes');

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

const urlOf = (protocols: string[]) =>
  z.string().refine(
    (value) => {
      const url = URL.parse(value);
      return url !== null && protocols.includes(url.protocol);
    },
    `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  );

const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

const trustProxy = z.string().transform((value, context): TrustProxy => {
  if (value === 'true' || value === 'false') return value === 'true';
  if (/^\d+$/.test(value)) return Number(value);
  const items = value.split(',').map((item) => item.trim());
  try {
    proxyAddr.compile(items);
    return items;
  } catch {
    context.addIssue({ code: 'custom', message: 'must be true, false, a number of hops, or addresses' });
  }
  return z.NEVER;
});

/** An address, or a domain with or without an @ in front. */
const EMAIL_OR_DOMAIN = /^(?:[^\s@]*@)?[\w-]+(?:\.[\w-]+)+$/;

const variables = z.object({
  ENVIRONMENT: z.enum(['development', 'production']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(8088),
  TRUST_PROXY: trustProxy.default(false),
  CORS_ORIGINS: list
    .refine(
      (origins) => origins.every((origin) => URL.parse(origin)?.origin === origin),
      'must be origins such as https://app.example.com, without a path, comma-separated',
    )
    .default([]),
  REQUEST_TIMEOUT_SECONDS: wholeNumber(1, 600).default(30),
  RATE_LIMIT_FACTOR: z
    .string()
    .regex(/^\d{1,6}(?:\.\d+)?$/, 'must be a number such as 1 or 0.5, and 0 for no limits')
    .transform(Number)
    .default(1),
  MAX_SUBSCRIPTIONS: wholeNumber(1, 1_000_000).default(100),
  DATA_DIR: z.string().default('./data'),
  DB_URL: urlOf(['postgres:', 'postgresql:']).optional(),
  REDIS_URL: urlOf(['redis:', 'rediss:']).optional(),
  API_KEY: z.string().optional(),
  SESSION_LIFETIME_HOURS: wholeNumber(1, 8_760).default(24),
  SESSION_IDLE_HOURS: wholeNumber(1, 8_760).default(8),
  GOOGLE_CLIENT_ID: z.string().optional(),
  GOOGLE_CLIENT_SECRET: z.string().optional(),
  REDIRECT_URI: urlOf(['https:', 'http:'])
    .refine((url) => URL.parse(url)?.pathname === CALLBACK_PATH, `must end in ${CALLBACK_PATH}`)
    .optional(),
  ALLOWED_EMAILS: list
    .refine(
      (entries) => entries.every((entry) => EMAIL_OR_DOMAIN.test(entry)),
      'must be addresses or domains, comma-separated',
    )
    .optional(),
  GOOGLE_AUTHORIZATION_URL: urlOf(['https:', 'http:']).default(
    'https://accounts.google.com/o/oauth2/v2/auth',
  ),
  GOOGLE_TOKEN_URL: urlOf(['https:', 'http:']).default('https://oauth2.googleapis.com/token'),
  GOOGLE_USERINFO_URL: urlOf(['https:', 'http:'])
    .refine((url) => URL.parse(url)?.pathname.endsWith('/userinfo') === true, 'must end in /userinfo')
    .default('https://openidconnect.googleapis.com/v1/userinfo'),
  CHATGPT_SYNC_ENABLED: flag.default(false),
  CHATGPT_EXPORT_URL: urlOf(['https:', 'http:']).optional(),
  CHATGPT_SYNC_INTERVAL_HOURS: wholeNumber(1, 720).default(24),
  EXPORT_ALLOWED_HOSTS: list
    .refine((hosts) => hosts.every((host) => HOST.test(host)), 'must be hosts or host:port, comma-separated')
    .default([]),
  MAX_ARCHIVE_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(20 * GIB),
  MAX_EXPANDED_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(200 * GIB),
  INGEST_ROOT: z.string().optional(),
  S3_BUCKET: z.string().optional(),
  S3_REGION: z.string().default('us-east-1'),
  S3_ENDPOINT: urlOf(['https:', 'http:']).optional(),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  CHAT_BASE_URL: urlOf(['https:', 'http:'])
    .refine((url) => !/^\w+:\/\/[^/]*@/.test(url), 'must hold no password: put it into CHAT_API_KEY')
    .optional(),
  CHAT_API_KEY: z.string().optional(),
  CHAT_MODEL: z.string().optional(),
  CHAT_CONTEXT_TOKENS: wholeNumber(2_048, 2_000_000).default(8_192),
  CHAT_FIRST_TOKEN_SECONDS: wholeNumber(1, MAX_MODEL_SECONDS).default(120),
  CHAT_NEXT_TOKEN_SECONDS: wholeNumber(1, MAX_MODEL_SECONDS).default(30),
  LOG_LEVEL: z.enum(logLevels).default('info'),
  WORKER_CONCURRENCY: wholeNumber(1, 64).default(2),
});

/** Every variable that is read, for the test that holds `.env.example` complete. */
export const variableNames = Object.keys(variables.shape);

/** Reads the environment; empty values count as unset. Throws a ConfigError that lists all problems. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
  problems.push(...contradictions(given));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);

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
    redisUrl: value.REDIS_URL ?? null,
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
    worker: { concurrency: value.WORKER_CONCURRENCY },
    logLevel: value.LOG_LEVEL,
  };
}

function contradictions(env: Record<string, string | undefined>): string[] {
  const problems: string[] = [];
  const key = env.API_KEY;
  if (env.ENVIRONMENT === 'production') {
    if (key === undefined) problems.push('API_KEY is required when ENVIRONMENT=production');
    else if (/change-?me/i.test(key)) problems.push('API_KEY must be changed from its example value');
    else if (key.length < MIN_API_KEY_LENGTH) {
      problems.push(
        `API_KEY must have at least ${MIN_API_KEY_LENGTH} characters when ENVIRONMENT=production`,
      );
    }
  }
  if (env.ENVIRONMENT === 'production' && env.TRUST_PROXY === 'true') {
    problems.push(
      'TRUST_PROXY must name the proxies, or their number, when ENVIRONMENT=production: any client could forge its address otherwise',
    );
  }
  problems.push(...googleContradictions(env));
  if (flag.safeParse(env.CHATGPT_SYNC_ENABLED).data && env.CHATGPT_EXPORT_URL === undefined) {
    problems.push('CHATGPT_EXPORT_URL is required when CHATGPT_SYNC_ENABLED is on');
  }
  const bucketParts = ['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'];
  const missing = bucketParts.filter((name) => env[name] === undefined);
  if (missing.length > 0 && missing.length < bucketParts.length) {
    problems.push(`${missing.join(' and ')} must be set as well: a bucket needs its name and both keys`);
  }
  const chatParts = ['CHAT_BASE_URL', 'CHAT_MODEL'].filter((name) => env[name] === undefined);
  const wantsChat = chatParts.length < 2 || env.CHAT_API_KEY !== undefined;
  if (wantsChat && chatParts.length > 0) {
    problems.push(`${chatParts.join(' and ')} must be set as well: chat needs a server and its model`);
  }
  if (env.REDIS_URL !== undefined && env.DB_URL === undefined) {
    problems.push(
      'DB_URL is required when REDIS_URL is set: workers in other processes cannot share the embedded database',
    );
  }
  return problems;
}

function googleContradictions(env: Record<string, string | undefined>): string[] {
  const problems: string[] = [];
  const parts = ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET', 'REDIRECT_URI'];
  const missing = parts.filter((name) => env[name] === undefined);
  if (missing.length > 0 && missing.length < parts.length) {
    problems.push(`${missing.join(' and ')} must be set as well: Google sign-in needs ${parts.join(', ')}`);
  }
  if (env.ENVIRONMENT === 'production') {
    if (env.REDIRECT_URI?.startsWith('http:')) {
      problems.push('REDIRECT_URI must begin with https:// when ENVIRONMENT=production');
    }
    for (const name of ['GOOGLE_AUTHORIZATION_URL', 'GOOGLE_TOKEN_URL', 'GOOGLE_USERINFO_URL']) {
      const url = URL.parse(env[name] ?? '');
      if (url?.protocol !== 'http:' || LOOPBACK_HOSTS.includes(url.hostname)) continue;
      problems.push(
        `${name} must begin with https:// when ENVIRONMENT=production, unless its host is this machine`,
      );
    }
  }
  if (protocolOf(env.GOOGLE_TOKEN_URL) !== protocolOf(env.GOOGLE_USERINFO_URL)) {
    problems.push(
      'GOOGLE_TOKEN_URL and GOOGLE_USERINFO_URL must both begin with https://, or both with http://',
    );
  }
  return problems;
}

/** Of a URL that may be left out: the provider's own ones are https. */
const protocolOf = (url: string | undefined) => URL.parse(url ?? '')?.protocol ?? 'https:';
