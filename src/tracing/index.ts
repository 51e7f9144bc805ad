/** Optional: sends traces to a collector with OpenTelemetry. Loaded only if OTEL_EXPORTER_OTLP_ENDPOINT is set. */
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { context, diag, DiagLogLevel, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TracerProvider,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { log } from '../observability/log.ts';

export interface Tracing {
  stop(): Promise<void>;
}

type EndingSpan = Parameters<NonNullable<SpanProcessor['onEnding']>>[0];

const EXPORT_WITHIN_MS = 5_000;
const EXPORT_EVERY_MS = 1_000;
const SHUTDOWN_WITHIN_MS = 1_500;
/** Health checks and scrapes come too often to be traced. */
const UNTRACED = ['/healthz', '/readyz', '/metrics'];

/** Removes what may quote a caller's data: the text of errors, and the query string. */
class DiscreetProcessor extends BatchSpanProcessor {
  onEnding(span: EndingSpan): void {
    if (span.status.message !== undefined) span.setStatus({ code: SpanStatusCode.ERROR });
    delete span.attributes['url.query'];
  }
}

export function startTracing(endpoint: URL): Tracing {
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'wallet-service' }),
    // A caller's traceparent decides whether the request is sampled.
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanProcessors: [
      new DiscreetProcessor({
        exporter: new OTLPTraceExporter({ url: tracesUrl(endpoint), timeoutMillis: EXPORT_WITHIN_MS }),
        scheduledDelayMillis: EXPORT_EVERY_MS,
        exportTimeoutMillis: EXPORT_WITHIN_MS,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  registerInstrumentations({
    tracerProvider: provider,
    instrumentations: [
      new HttpInstrumentation({
        disableOutgoingRequestInstrumentation: true,
        ignoreIncomingRequestHook: ({ url = '' }) => UNTRACED.includes(url),
      }),
      // Statements of the worker and of metrics belong to no request.
      new PgInstrumentation({ requireParentSpan: true }),
    ],
  });
  patchModules();
  logTrouble();
  return {
    stop: async () => {
      await Promise.race([provider.shutdown(), sleep(SHUTDOWN_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}

function tracesUrl(endpoint: URL): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  return url.href;
}

/**
 * Instrumentations patch a module when it is required, and these modules were imported before. They patch methods of shared classes, so
 * requiring the modules now still works.
 */
function patchModules(): void {
  const load = createRequire(import.meta.url);
  load('node:http');
  load('pg');
  createRequire(load.resolve('pg'))('pg-pool');
}

/** Logs failures to send traces; they have no other effect. */
function logTrouble(): void {
  const warn = (message: string): void => {
    log.warn({ error: message.slice(0, 500) }, 'tracing');
  };
  const ignore = (): void => undefined;
  diag.setLogger({ error: warn, warn, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN);
}
