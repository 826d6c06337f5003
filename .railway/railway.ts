/**
 * Sidecar on Railway: `railway config plan`, then `railway config apply`. One service serves and imports, with the queue on
 * PostgreSQL, because a volume belongs to one service there and workers of their own must find what was uploaded.
 * Before the first start set API_KEY (openssl rand -hex 32) on the service, and REDIRECT_URI with Google's two if wanted.
 */
import { defineRailway, github, postgres, preserve, project, service, volume } from 'railway/iac';

export default defineRailway(() => {
  const db = postgres('postgres');
  const data = volume('sidecar-data', { sizeMB: 10_240 });
  const sidecar = service('sidecar', {
    // Of your fork; leave it out to deploy a folder with `railway up`.
    source: github('your-name/sidecar', { branch: 'main' }),
    build: { builder: 'DOCKERFILE', dockerfilePath: 'Dockerfile' },
    healthcheck: '/readyz',
    healthcheckTimeout: 300,
    deploy: {
      // Zero unless told otherwise: the running import is to be handed back.
      drainingSeconds: 30,
      restartPolicyType: 'ALWAYS',
    },
    volumeMounts: { '/data': data },
    env: {
      ENVIRONMENT: 'production',
      DB_URL: db.env.DATABASE_URL,
      // Railway's edge is the one proxy in front.
      TRUST_PROXY: '1',
      // Volumes belong to root.
      RAILWAY_RUN_UID: '0',
      API_KEY: preserve(),
      GOOGLE_CLIENT_ID: preserve(),
      GOOGLE_CLIENT_SECRET: preserve(),
      REDIRECT_URI: preserve(),
      ALLOWED_EMAILS: preserve(),
    },
  });
  return project('sidecar', { resources: [db, data, sidecar] });
});
