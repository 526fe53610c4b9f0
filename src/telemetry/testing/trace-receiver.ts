import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { decodeExport, type Exported, type SentSpan, type Value } from './otlp.ts';

/** A span as it arrived. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** Empty: it has none. */
  readonly traceState: string;
  readonly kind: number;
  /** Unix time in nanoseconds. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly ReceivedLink[];
  readonly isError: boolean;
}

export interface ReceivedLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface TraceReceiver extends AsyncDisposable {
  /** The value of OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  /** Headers of the last request. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The types of the bodies that came, each once. */
  readonly contentTypes: ReadonlySet<string>;
  /** Attributes of the resource that sent them. */
  readonly resource: Readonly<Record<string, unknown>>;
}

/**
 * Receives spans by OTLP over HTTP, in protobuf or in JSON, as a collector does.
 * @param status  with which it answers; with another one than 200 it takes nothing
 * @see OpenTelemetry protocol, OTLP/HTTP
 */
export async function receiveTraces(status = 200): Promise<TraceReceiver> {
  const headers: Record<string, unknown> = {};
  const spans: ReceivedSpan[] = [];
  const resource: Record<string, unknown> = {};
  const contentTypes = new Set<string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url !== '/v1/traces') return void response.writeHead(404).end();
      Object.assign(headers, request.headers);
      if (status !== 200) return void response.writeHead(status).end();
      const { 'content-type': contentType = '', 'content-encoding': encoding } = request.headers;
      const sent = Buffer.concat(chunks);
      const bytes = encoding === 'gzip' ? gunzipSync(sent) : sent;
      contentTypes.add(contentType);
      const isJson = contentType === 'application/json';
      const body = isJson ? (JSON.parse(String(bytes)) as Exported) : decodeExport(bytes);
      for (const { resource: from, scopeSpans } of body.resourceSpans) {
        Object.assign(resource, attributesOf(from.attributes));
        for (const { spans: sent } of scopeSpans) spans.push(...sent.map(received));
      }
      // An answer without anything to say is an empty message.
      response.writeHead(200, { 'content-type': contentType }).end(isJson ? '{}' : '');
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    headers,
    contentTypes,
    resource,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function received(sent: SentSpan): ReceivedSpan {
  const { name, traceId, spanId, parentSpanId = '', traceState = '', kind, attributes, links = [], status } = sent;
  return {
    name,
    traceId,
    spanId,
    parentSpanId,
    traceState,
    kind,
    start: BigInt(sent.startTimeUnixNano),
    end: BigInt(sent.endTimeUnixNano),
    attributes: attributesOf(attributes),
    links: links.map((link) => {
      return { traceId: link.traceId, spanId: link.spanId, attributes: attributesOf(link.attributes ?? []) };
    }),
    isError: status?.code === 2,
  };
}

function attributesOf(attributes: SentSpan['attributes']): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));
}

function valueOf(value: Value): unknown {
  if ('arrayValue' in value) return value.arrayValue.values.map(valueOf);
  if ('intValue' in value) return Number(value.intValue);
  return Object.values(value)[0] as unknown;
}
