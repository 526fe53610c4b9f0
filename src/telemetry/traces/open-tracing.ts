import type { Link, Span, SpanContext, Tracer } from '@opentelemetry/api';
import {
  type AdapterEvent,
  EspalierError,
  onAdapterEvent,
  onJobEvent,
  type JobEvent,
  systemTimers,
} from '../../core/index.ts';
import type { EndedSequence } from '../metrics/sources.ts';
import { adapterSpan } from './adapter-span.ts';
import { JobSpans } from './job-spans.ts';
import { LateWork } from './late-work.ts';
import type { PlannedSpan } from './planned-span.ts';
import { type Operation, sequenceSpan } from './request-span.ts';
import { RolloutLinks } from './rollout-links.ts';
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
  readonly end: (status: number | undefined) => void;
}

class SpanOfRequest implements RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly operation: Operation | undefined;
  /** Unix time in milliseconds, by the clock of the events of adapters. */
  readonly began = Date.now();
  readonly #end: (status: number | undefined) => void;
  #isEnded = false;

  constructor(span: Span, { operation, end }: SpanOfRequestParts) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    this.traceId = traceId;
    this.spanId = spanId;
    this.traceFlags = traceFlags;
    this.operation = operation;
    this.#end = end;
  }

  end(status: number | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#end(status);
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

  constructor(packages: Packages, version: string) {
    this.#packages = packages;
    const { sdk, resources, exporter } = packages;
    const detected = resources.detectResources({ detectors: [resources.envDetector] });
    const own = resources.resourceFromAttributes({ 'service.name': 'espalier', 'service.version': version });
    this.#provider = new sdk.BasicTracerProvider({
      resource: resources.defaultResource().merge(own).merge(detected),
      spanProcessors: [new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter())],
    });
    this.#tracer = this.#provider.getTracer(scope, version);
    this.#events = [onAdapterEvent((event) => this.#heard(event)), onJobEvent((event) => this.#heardOfJob(event))];
  }

  begin({ method, route, requestId, traceparent, operation }: TracedRequest): RequestTrace {
    const { api } = this.#packages;
    const parent = parseTraceParent(traceparent);
    const context =
      parent === undefined
        ? api.ROOT_CONTEXT
        : api.trace.setSpanContext(api.ROOT_CONTEXT, { ...parent, isRemote: true });
    const attributes = { 'http.request.method': method, 'http.route': route, 'espalier.request.id': requestId };
    const options = { kind: api.SpanKind.SERVER, attributes, startTime: unixNow() };
    const span = this.#tracer.startSpan(`${method} ${route}`, options, context);
    const end = (status: number | undefined): void => {
      const ended = unixNow();
      this.#late.add(() => this.#end(span, status, ended));
    };
    return new SpanOfRequest(span, { operation, end });
  }

  #end(span: Span, status: number | undefined, ended: number): void {
    if (status === undefined) span.setAttribute('error.type', 'client_gone');
    else span.setAttribute('http.response.status_code', status);
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
    const { operation = 'text_completion' } = origin;
    const planned = sequenceSpan(sequence, { operation, baseName, timeOrigin: performance.timeOrigin });
    const links = sequence.adapters.flatMap((used) => this.#versions.behind(used, origin.began)).map(linkTo);
    const span = this.#write(planned, { parent: origin, links });
    for (const { version } of sequence.adapters) this.#links.answered(version, span.spanContext());
  }

  /** WHY a child of the request that caused it, if one did: whoever asked sees what came of it. */
  #heard(event: AdapterEvent): void {
    // WHY first: the spans of this event are linked to those of requests that ended before it, and the other way round.
    this.#late.finish();
    const requests = this.#links.take(event).map((context): Link => ({ context }));
    const links = [...requests, ...this.#versions.check(event).map(linkTo)];
    const span = this.#write(adapterSpan(event), { parent: this.#scope.current, links });
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
