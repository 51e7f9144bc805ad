/** Adds requests and statements to traces. Without tracing/ these functions do nothing. */
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
} from '@opentelemetry/api';

export type TraceContext = Context;

const tracer = trace.getTracer('wallet-service');

/** The trace of the current request; undefined if it is not traced. */
export function activeTraceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** Renames the request's span once the operation is known. */
export function nameRequest(name: string): void {
  trace.getActiveSpan()?.updateName(name);
}

/** Keeps the current request's trace for work that is done later. */
export function traceContext(): TraceContext {
  return context.active();
}

export function inTrace<T>(of: TraceContext, work: () => T): T {
  return context.with(of, work);
}

/** Runs work that belongs to no request, or to several. */
export function untraced<T>(work: () => T): T {
  return context.with(ROOT_CONTEXT, work);
}

/** Makes a span for a statement that pg's instrumentation does not see. It has the statement's text, never its values. */
export function traceStatement<T>(text: string, send: () => Promise<T>, more: Attributes = {}): Promise<T> {
  const parent = context.active();
  return trace.getSpan(parent) ? traced(parent, { 'db.query.text': text, ...more }, send) : send();
}

async function traced<T>(parent: Context, attributes: Attributes, send: () => Promise<T>): Promise<T> {
  const span = tracer.startSpan(
    'pg.query',
    { kind: SpanKind.CLIENT, attributes: { 'db.system.name': 'postgresql', ...attributes } },
    parent,
  );
  try {
    // Without a parent span the instrumentation makes no span, which here would never end.
    return await context.with(trace.deleteSpan(parent), send);
  } catch (error) {
    const { code } = error as { code?: unknown };
    // The message is left out, as it may quote a value.
    span.setAttribute('error.type', typeof code === 'string' ? code : 'unknown');
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
