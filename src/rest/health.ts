import { z } from 'zod';
import { checkReadiness } from '../domain/health.ts';
import type { Route } from './router.ts';

const readiness = z.strictObject({ ok: z.boolean(), failures: z.record(z.string(), z.string()).optional() });

export const healthRoutes: Route[] = [
  {
    method: 'get',
    path: '/healthz',
    ignoresViewer: true,
    about: {
      summary: 'Whether the server is alive.',
      scope: null,
      answer: z.strictObject({ ok: z.literal(true) }),
    },
    handle: async () => ({ body: { ok: true } }),
  },
  {
    method: 'get',
    path: '/readyz',
    ignoresViewer: true,
    about: {
      summary: 'Whether the server can work.',
      details: 'With 503, `failures` names what does not answer, such as `database` or `queue`.',
      scope: null,
      answer: readiness,
      otherAnswers: { '503': readiness },
    },
    async handle(services) {
      const failures = await checkReadiness(services);
      const ok = Object.keys(failures).length === 0;
      return { status: ok ? 200 : 503, body: ok ? { ok } : { ok, failures } };
    },
  },
];
