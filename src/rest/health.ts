import { checkReadiness } from '../domain/health.ts';
import type { Route } from './router.ts';

export const healthRoutes: Route[] = [
  { method: 'get', path: '/healthz', handle: async () => ({ body: { ok: true } }) },
  {
    method: 'get',
    path: '/readyz',
    async handle(services) {
      const failures = await checkReadiness(services);
      const ok = Object.keys(failures).length === 0;
      return { status: ok ? 200 : 503, body: ok ? { ok } : { ok, failures } };
    },
  },
];
