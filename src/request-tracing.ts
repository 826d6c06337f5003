import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
} from '@opentelemetry/semantic-conventions';
import type { RequestHandler } from 'express';
import { routeOf } from './request-metrics.ts';

const TRACER = 'sidecar';

/**
 * Makes each request a span, of the caller's trace when it says so in `traceparent`; what the request puts into the
 * queue belongs to it. Names and attributes are those of OpenTelemetry's conventions for HTTP servers; neither path nor
 * query is among them, for both may hold what concerns nobody. The library's own instrumentation cannot be used: it
 * patches `node:http` as it is loaded, which does not reach ES modules without a loader in front of the program.
 */
export function traceRequests(): RequestHandler {
  return (request, response, next) => {
    const caller = propagation.extract(context.active(), request.headers);
    const span = trace.getTracer(TRACER).startSpan(
      request.method,
      {
        kind: SpanKind.SERVER,
        attributes: { [ATTR_HTTP_REQUEST_METHOD]: request.method, 'sidecar.request_id': String(request.id) },
      },
      caller,
    );
    response.once('close', () => {
      const route = routeOf(request);
      span.updateName(`${request.method} ${route}`);
      span.setAttributes({
        [ATTR_HTTP_ROUTE]: route,
        [ATTR_HTTP_RESPONSE_STATUS_CODE]: response.statusCode,
      });
      if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
    context.with(trace.setSpan(caller, span), next);
  };
}
