/** What requests and statements add to traces. Nothing where there are none: see tracing/. */
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

/** Of the request that is being worked on, if it is traced. */
export function activeTraceId(): string | undefined {
  return trace.getActiveSpan()?.spanContext().traceId;
}

/** What the request turned out to be about. */
export function nameRequest(name: string): void {
  trace.getActiveSpan()?.updateName(name);
}

/** What is done on behalf of the request that is being worked on, for when it is done later. */
export function traceContext(): TraceContext {
  return context.active();
}

export function inTrace<T>(of: TraceContext, work: () => T): T {
  return context.with(of, work);
}

/** For what is done on behalf of no request, or of many. */
export function untraced<T>(work: () => T): T {
  return context.with(ROOT_CONTEXT, work);
}

/** A span for a statement that pg's instrumentation does not know: with its text, never with its values. */
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
    // Without the request's span the instrumentation leaves it alone: it would open a span here that nothing ends.
    return await context.with(trace.deleteSpan(parent), send);
  } catch (error) {
    const { code } = error as { code?: unknown };
    // Not its message, which may quote a value.
    span.setAttribute('error.type', typeof code === 'string' ? code : 'unknown');
    span.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}
