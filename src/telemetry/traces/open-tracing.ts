import type { Context, Link, Span, SpanContext, Tracer, TraceState } from '@opentelemetry/api';
import {
  type AdapterEvent,
  EspalierError,
  onAdapterEvent,
  onJobEvent,
  type JobEvent,
  systemTimers,
} from '../../core/index.ts';
import type { AnswerEnd } from '../answer-end.ts';
import type { EndedSequence, SpansSample } from '../metrics/sources.ts';
import { adapterSpan } from './adapter-span.ts';
import { JobSpans } from './job-spans.ts';
import { LateWork } from './late-work.ts';
import type { PlannedSpan } from './planned-span.ts';
import { type Operation, sequenceSpan } from './request-span.ts';
import { RolloutLinks } from './rollout-links.ts';
import { SpanCounts } from './span-counts.ts';
import { parseTraceParent, type TraceParent } from './trace-parent.ts';
import { TraceScope } from './trace-scope.ts';
import { readTraceSettings, type TraceSettings } from './trace-settings.ts';
import type { RequestTrace, TracedRequest, Tracing } from './tracing.ts';
import { type LinkedSpan, VersionSpans } from './version-spans.ts';

/** The packages of OpenTelemetry. WHY loaded when they are needed: a server without traces must neither have nor load them. */
interface Packages {
  readonly api: typeof import('@opentelemetry/api');
  readonly sdk: typeof import('@opentelemetry/sdk-trace-base');
  readonly resources: typeof import('@opentelemetry/resources');
  readonly exporter: { readonly OTLPTraceExporter: new () => import('@opentelemetry/sdk-trace-base').SpanExporter };
}

/** The schema whose names the attributes have. */
const scope = 'espalier';

/**
 * Begins to write traces if the standard variables of OpenTelemetry ask for them.
 * @param version  of the package
 * @returns undefined if they do not; nothing was loaded then
 * @throws EspalierError TRACES_UNSUPPORTED, TRACES_PACKAGES_MISSING
 */
export async function openTracing(
  version: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Tracing | undefined> {
  const settings = readTraceSettings(environment);
  return settings && new OpenTelemetryTracing(await loadPackages(settings), version);
}

async function loadPackages({ protocol }: TraceSettings): Promise<Packages> {
  try {
    const [api, sdk, resources, exporter] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-base'),
      import('@opentelemetry/resources'),
      protocol === 'http/json'
        ? import('@opentelemetry/exporter-trace-otlp-http')
        : import('@opentelemetry/exporter-trace-otlp-proto'),
    ]);
    return { api, sdk, resources, exporter };
  } catch (cause) {
    throw new EspalierError('TRACES_PACKAGES_MISSING', {}, { cause });
  }
}

interface SpanOfRequestParts {
  readonly operation: Operation | undefined;
  readonly end: (end: AnswerEnd) => void;
}

class SpanOfRequest implements RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  /** What others keep in the trace. The spans below have it too. */
  readonly traceState: TraceState | undefined;
  readonly operation: Operation | undefined;
  isStreamed = false;
  /** Unix time in milliseconds, by the clock of the events of adapters. */
  readonly began = Date.now();
  readonly #end: (end: AnswerEnd) => void;
  #isEnded = false;

  constructor(span: Span, { operation, end }: SpanOfRequestParts) {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    this.traceId = traceId;
    this.spanId = spanId;
    this.traceFlags = traceFlags;
    this.traceState = traceState;
    this.operation = operation;
    this.#end = end;
  }

  end(end: AnswerEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#end(end);
  }
}

class OpenTelemetryTracing implements Tracing {
  readonly #packages: Packages;
  readonly #provider: InstanceType<Packages['sdk']['BasicTracerProvider']>;
  readonly #tracer: Tracer;
  readonly #scope = new TraceScope<TraceParent>();
  readonly #events: readonly Disposable[];
  readonly #jobs = new JobSpans();
  readonly #late = new LateWork(systemTimers);
  readonly #versions = new VersionSpans<SpanContext>();
  readonly #links = new RolloutLinks<SpanContext>();
  readonly #counts = new SpanCounts();

  constructor(packages: Packages, version: string) {
    this.#packages = packages;
    const { sdk, resources, exporter } = packages;
    const detected = resources.detectResources({ detectors: [resources.envDetector] });
    const own = resources.resourceFromAttributes({ 'service.name': 'espalier', 'service.version': version });
    this.#provider = new sdk.BasicTracerProvider({
      resource: resources.defaultResource().merge(own).merge(detected),
      spanProcessors: [
        this.#counts.processor,
        new sdk.BatchSpanProcessor(this.#counts.watch(new exporter.OTLPTraceExporter())),
      ],
    });
    this.#tracer = this.#provider.getTracer(scope, version);
    this.#events = [onAdapterEvent((event) => this.#heard(event)), onJobEvent((event) => this.#heardOfJob(event))];
  }

  begin({ method, route, requestId, traceparent, tracestate, operation }: TracedRequest): RequestTrace {
    const { api } = this.#packages;
    const attributes = {
      'http.request.method': method,
      ...(route !== undefined && { 'http.route': route }),
      'espalier.request.id': requestId,
    };
    const options = { kind: api.SpanKind.SERVER, attributes, startTime: unixNow() };
    const name = route === undefined ? method : `${method} ${route}`;
    const span = this.#tracer.startSpan(name, options, this.#contextOf({ traceparent, tracestate }));
    const end = (how: AnswerEnd): void => {
      const ended = unixNow();
      this.#late.add(() => this.#end(span, how, ended));
    };
    return new SpanOfRequest(span, { operation, end });
  }

  /** The context that a caller names. @see W3C Trace Context, 3.3: without a valid `traceparent`, `tracestate` says nothing */
  #contextOf({ traceparent, tracestate }: Pick<TracedRequest, 'traceparent' | 'tracestate'>): Context {
    const { api } = this.#packages;
    const parent = parseTraceParent(traceparent);
    if (parent === undefined) return api.ROOT_CONTEXT;
    const traceState = tracestate === undefined ? undefined : api.createTraceState(String(tracestate));
    return api.trace.setSpanContext(api.ROOT_CONTEXT, { ...parent, isRemote: true, ...(traceState && { traceState }) });
  }

  #end(span: Span, { status, isWhole }: AnswerEnd, ended: number): void {
    if (!isWhole) span.setAttribute('error.type', 'client_gone');
    if (status !== undefined) span.setAttribute('http.response.status_code', status);
    if (status !== undefined && status >= 500) {
      span.setAttribute('error.type', String(status));
      span.setStatus({ code: this.#packages.api.SpanStatusCode.ERROR });
    }
    span.end(ended);
  }

  during<T>(trace: TraceParent, work: () => T): T {
    return this.#scope.run(trace, work);
  }

  ended(sequence: EndedSequence, baseName: string): void {
    const { origin } = sequence;
    // A trace of which nothing is written costs nothing more.
    if (!(origin instanceof SpanOfRequest) || (origin.traceFlags & 1) === 0) return;
    this.#late.add(() => this.#writeSequence(sequence, { origin, baseName }));
  }

  #writeSequence(
    sequence: EndedSequence,
    { origin, baseName }: { readonly origin: SpanOfRequest; readonly baseName: string },
  ): void {
    const { operation = 'text_completion', isStreamed } = origin;
    const planned = sequenceSpan(sequence, { operation, isStreamed, baseName, timeOrigin: performance.timeOrigin });
    const links = sequence.adapters.flatMap((used) => this.#versions.behind(used, origin.began)).map(linkTo);
    const span = this.#write(planned, { parent: origin, links });
    for (const { version } of sequence.adapters) this.#links.answered(version, span.spanContext());
  }

  /** WHY a child of the request that caused it, if one did: whoever asked sees what came of it. */
  #heard(event: AdapterEvent): void {
    const parent = this.#scope.current;
    // WHY in their line: this span is linked to those of requests that ended before it, and those of later ones to this.
    this.#late.add(() => this.#writeEvent(event, parent));
  }

  #writeEvent(event: AdapterEvent, parent: TraceParent | undefined): void {
    const requests = this.#links.take(event).map((context): Link => ({ context }));
    const links = [...requests, ...this.#versions.check(event).map(linkTo)];
    const span = this.#write(adapterSpan(event), { parent, links });
    this.#versions.heard(event, span.spanContext());
  }

  #heardOfJob(event: JobEvent): void {
    const planned = this.#jobs.heard(event);
    if (planned === undefined || event.event !== 'status') return;
    this.#write(planned, { parent: parseTraceParent(event.trace) });
  }

  #write(
    { name, start, end, attributes, errorType, children = [] }: PlannedSpan,
    { parent, links = [] }: { readonly parent: TraceParent | undefined; readonly links?: Link[] },
  ): Span {
    const { api } = this.#packages;
    const context = parent === undefined ? api.ROOT_CONTEXT : api.trace.setSpanContext(api.ROOT_CONTEXT, parent);
    const own = Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [key, typeof value === 'object' ? [...value] : value]),
    );
    const span = this.#tracer.startSpan(name, { startTime: start, attributes: own, links }, context);
    if (errorType !== undefined) {
      span.setAttribute('error.type', errorType);
      span.setStatus({ code: api.SpanStatusCode.ERROR });
    }
    for (const child of children) this.#write(child, { parent: span.spanContext() });
    span.end(end);
    return span;
  }

  figures(): SpansSample {
    return this.#counts.figures();
  }

  /** Sends what was not sent yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const listening of this.#events) listening[Symbol.dispose]();
    this.#late.finish();
    // WHY no error: a collector that is gone must not keep a server from ending.
    await this.#provider.shutdown().catch(() => undefined);
  }
}

/** Unix time in milliseconds, with fractions, by the clock of the times of sequences. */
function unixNow(): number {
  return performance.timeOrigin + performance.now();
}

/** WHY with its name: a viewer shows links before the spans that they lead to. */
function linkTo({ name, context }: LinkedSpan<SpanContext>): Link {
  return { context, attributes: { 'espalier.link.span': name } };
}
