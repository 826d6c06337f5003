import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import type { Config } from '../config.ts';
import { atMost, type Deadline } from './patience.ts';

/** A collector that does not answer must not make the program's end a failure. */
const LAST_SPANS_PATIENCE_MS = 2_000;

/**
 * Sends the spans of this process to a collector, as OTLP over HTTP in JSON. It is registered for the whole process,
 * which is how BullMQ's telemetry finds it; so only mains call this. `close` sends what is left, if
 * that can be done in time.
 */
export function openTracing(
  { tracesUrl, headers, ratio }: NonNullable<Config['tracing']>,
  serviceName: 'sidecar-api' | 'sidecar-worker',
): { close(deadline: Deadline): Promise<void> } {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: serviceName }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: tracesUrl, headers }) }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return {
    async close(deadline) {
      await atMost(deadline.within(LAST_SPANS_PATIENCE_MS), provider.shutdown());
    },
  };
}
