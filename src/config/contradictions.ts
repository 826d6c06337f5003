import { flag } from './variables.ts';

/** The shortest key that cannot be guessed: 24 characters of base64url are 144 bits. */
const MIN_API_KEY_LENGTH = 24;
/** A provider on this machine may be reached without TLS, also in production: nobody stands between. */
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** What is wrong between variables that are right by themselves; empty values must be gone from `env`. */
export function contradictions(env: Record<string, string | undefined>): string[] {
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
  const [grace, delay] = [env.SHUTDOWN_GRACE_SECONDS ?? '15', env.SHUTDOWN_DELAY_SECONDS ?? '0'].map(Number);
  if (grace !== undefined && delay !== undefined && delay * 2 > grace) {
    problems.push(
      `SHUTDOWN_GRACE_SECONDS must be twice SHUTDOWN_DELAY_SECONDS or more, such as ${delay * 2}: after the delay, requests and jobs need time to end`,
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
  const embeddingsParts = ['EMBEDDINGS_BASE_URL', 'EMBEDDINGS_MODEL'].filter(
    (name) => env[name] === undefined,
  );
  const wantsEmbeddings = embeddingsParts.length < 2 || env.EMBEDDINGS_API_KEY !== undefined;
  if (wantsEmbeddings && embeddingsParts.length > 0) {
    problems.push(
      `${embeddingsParts.join(' and ')} must be set as well: search by meaning needs a server and its model`,
    );
  }
  if (env.REDIS_URL !== undefined && env.DB_URL === undefined) {
    problems.push(
      'DB_URL is required when REDIS_URL is set: workers in other processes cannot share the embedded database',
    );
  }
  if (env.DB_DIRECT_URL !== undefined && env.DB_URL === undefined) {
    problems.push('DB_URL is required when DB_DIRECT_URL is set: it names the pooler');
  }
  if (env.DB_REPLICA_URLS !== undefined && env.DB_URL === undefined) {
    problems.push('DB_URL is required when DB_REPLICA_URLS is set: it names the primary');
  }
  return problems;
}

function googleContradictions(env: Record<string, string | undefined>): string[] {
  const problems: string[] = [];
  const parts = ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET', 'REDIRECT_URI'];
  const missing = parts.filter((name) => env[name] === undefined);
  if (missing.length === parts.length && env.ALLOWED_EMAILS !== undefined) {
    problems.push(
      `ALLOWED_EMAILS needs ${parts.join(', ')}: without Google nobody is held to it, whose key or session still counts`,
    );
  }
  if (missing.length > 0 && missing.length < parts.length) {
    problems.push(`${missing.join(' and ')} must be set as well: Google sign-in needs ${parts.join(', ')}`);
  }
  if (env.ENVIRONMENT === 'production') {
    if (URL.parse(env.REDIRECT_URI ?? '')?.protocol === 'http:') {
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
