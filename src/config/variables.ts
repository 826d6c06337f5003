import proxyAddr from 'proxy-addr';
import { z } from 'zod';
import { redisUrl } from './redis-url.ts';

export type TrustProxy = boolean | number | string[];

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const CALLBACK_PATH = '/auth/callback';
/** A name or address, an IPv6 address in brackets, with or without a port. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** URL knows which ports and addresses there are. */
const isHost = (text: string) => HOST.test(text) && URL.canParse(`http://${text}`);

const HOLDS_PASSWORD = /^\w+:\/\/[^/?#]*@/;

/** Node's fetch gives a silent server up after 300 seconds. */
const MAX_MODEL_SECONDS = 290;

export const flag = z
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

/** Of the password, which may hold a % as itself, the driver makes what it can; of the database's name it does not. */
const postgresUrl = urlOf(['postgres:', 'postgresql:']).refine((value) => {
  try {
    return decodeURIComponent(URL.parse(value)?.pathname ?? '') !== null;
  } catch {
    return false;
  }
}, 'names a database with a % that encodes nothing: as itself it is written %25');

const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** Such as `x-key=abc,other=def`, with values percent-encoded, as OpenTelemetry specifies. */
const headers = list.transform((items, context) => {
  const pairs = items.map((item) => /^([\w-]+)\s*=\s*(\S.*)$/.exec(item));
  try {
    return Object.fromEntries(
      pairs.map((pair) => {
        if (!pair?.[1] || !pair[2]) throw new Error('no pair');
        return [pair[1], decodeURIComponent(pair[2])];
      }),
    );
  } catch {
    context.addIssue({ code: 'custom', message: 'must be name=value pairs, comma-separated' });
  }
  return z.NEVER;
});

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

/** An address, or a domain with or without an @ in front; none with a * for all, which would let nobody in. */
const EMAIL_OR_DOMAIN = /^(?:[^\s@*]*@)?[\w-]+(?:\.[\w-]+)+$/;

/** What the environment may hold: each variable checked and turned into its value by itself. */
export const variables = z.object({
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
  DB_URL: postgresUrl.optional(),
  DB_DIRECT_URL: postgresUrl.optional(),
  DB_REPLICA_URLS: list
    .refine(
      (urls) => urls.every((url) => postgresUrl.safeParse(url).success),
      'must be URLs that begin with postgres:// or postgresql://, comma-separated',
    )
    .default([]),
  REDIS_URL: redisUrl.optional(),
  API_KEY: z
    .string()
    .regex(
      /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/,
      'must be letters, digits and signs of ASCII, without a space or line end around them: it travels in a header',
    )
    .optional(),
  SESSION_LIFETIME_HOURS: wholeNumber(1, 8_760).default(24),
  SESSION_IDLE_HOURS: wholeNumber(1, 8_760).default(8),
  GOOGLE_CLIENT_ID: z.string().optional(),
  GOOGLE_CLIENT_SECRET: z.string().optional(),
  REDIRECT_URI: urlOf(['https:', 'http:'])
    .refine((url) => URL.parse(url)?.pathname === CALLBACK_PATH, `must end in ${CALLBACK_PATH}`)
    .refine(
      (url) => !/\s/.test(url),
      'must hold no spaces and line ends: Google compares it letter by letter',
    )
    .optional(),
  ALLOWED_EMAILS: list
    .refine(
      (entries) => entries.length > 0 && entries.every((entry) => EMAIL_OR_DOMAIN.test(entry)),
      'must be addresses or domains such as example.com, comma-separated',
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
  CHATGPT_EXPORT_URL: urlOf(['https:', 'http:'])
    .refine((url) => !HOLDS_PASSWORD.test(url), 'must hold no user name or password')
    .optional(),
  CHATGPT_SYNC_INTERVAL_HOURS: wholeNumber(1, 720).default(24),
  EXPORT_ALLOWED_HOSTS: list
    .refine((hosts) => hosts.every(isHost), 'must be hosts or host:port, comma-separated')
    .default([]),
  MAX_ARCHIVE_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(20 * GIB),
  MAX_EXPANDED_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(200 * GIB),
  INGEST_ROOT: z.string().optional(),
  WATCH_DIR: z.string().optional(),
  S3_BUCKET: z.string().optional(),
  S3_REGION: z.string().default('us-east-1'),
  S3_ENDPOINT: urlOf(['https:', 'http:']).optional(),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  CHAT_BASE_URL: urlOf(['https:', 'http:'])
    .refine((url) => !HOLDS_PASSWORD.test(url), 'must hold no password: put it into CHAT_API_KEY')
    .optional(),
  CHAT_API_KEY: z.string().optional(),
  CHAT_MODEL: z.string().optional(),
  CHAT_CONTEXT_TOKENS: wholeNumber(2_048, 2_000_000).default(8_192),
  CHAT_FIRST_TOKEN_SECONDS: wholeNumber(1, MAX_MODEL_SECONDS).default(120),
  CHAT_NEXT_TOKEN_SECONDS: wholeNumber(1, MAX_MODEL_SECONDS).default(30),
  EMBEDDINGS_BASE_URL: urlOf(['https:', 'http:'])
    .refine((url) => !HOLDS_PASSWORD.test(url), 'must hold no password: put it into EMBEDDINGS_API_KEY')
    .optional(),
  EMBEDDINGS_API_KEY: z.string().optional(),
  EMBEDDINGS_MODEL: z.string().optional(),
  EMBEDDINGS_CONTEXT_TOKENS: wholeNumber(128, 1_000_000).default(2_048),
  LOG_LEVEL: z.enum(logLevels).default('info'),
  METRICS_PORT: wholeNumber(0, 65_535).optional(),
  METRICS_HOST: z.string().default('127.0.0.1'),
  OTEL_EXPORTER_OTLP_ENDPOINT: urlOf(['https:', 'http:'])
    .refine(
      (url) => !/[?#@]/.test(url),
      'must hold no password or query: put keys into OTEL_EXPORTER_OTLP_HEADERS',
    )
    .optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headers.default({}),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/, 'must be a number from 0 to 1')
    .transform(Number)
    .default(1),
  WORKER_CONCURRENCY: wholeNumber(1, 64).default(2),
  LARGE_ARCHIVE_BYTES: wholeNumber(1, Number.MAX_SAFE_INTEGER).default(100 * MIB),
  SHUTDOWN_GRACE_SECONDS: wholeNumber(2, 600).default(15),
  SHUTDOWN_DELAY_SECONDS: wholeNumber(0, 300).default(0),
});
