import { Readable } from 'node:stream';
import { requireScope } from '../domain/viewer.ts';
import type { Route } from './router.ts';

export const metricsRoutes: Route[] = [
  {
    method: 'get',
    path: '/metrics',
    about: {
      summary: 'What this process counts, in the text format of Prometheus.',
      details: 'With METRICS_PORT the same stands on a port of its own, without a key.',
      scope: 'admin',
      answer: { mediaTypes: ['text/plain'] },
    },
    async handle(services, { viewer }) {
      requireScope(viewer, 'admin');
      const { text, mediaType } = await services.metrics.read();
      return { stream: Readable.from([text]), headers: { 'content-type': mediaType } };
    },
  },
];
