import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** What is exported, in the form of OTLP's JSON: ids as hexadecimal digits, times as decimal ones. */
export interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

export type Value =
  | { readonly stringValue: string }
  | { readonly intValue: number | string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean }
  | { readonly arrayValue: { readonly values: readonly Value[] } };

interface SentLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes?: readonly Attribute[];
}

export interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly links?: readonly SentLink[];
  readonly status?: { readonly code?: number };
}

/** How a field is written; a message is written as its own fields. */
type Kind = 'string' | 'hex' | 'int' | 'bool' | 'double' | 'fixed64' | 'fixed32' | Message;
interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly isList?: boolean;
}
/** The fields of a message by their numbers. */
type Message = Readonly<Record<number, Field>>;

const one = (name: string, kind: Kind): Field => ({ name, kind });
const list = (name: string, kind: Kind): Field => ({ name, kind, isList: true });

const anyValue: Record<number, Field> = {
  1: one('stringValue', 'string'),
  2: one('boolValue', 'bool'),
  3: one('intValue', 'int'),
  4: one('doubleValue', 'double'),
};
anyValue[5] = one('arrayValue', { 1: list('values', anyValue) });
const attribute: Message = { 1: one('key', 'string'), 2: one('value', anyValue) };
const link: Message = {
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  3: one('traceState', 'string'),
  4: list('attributes', attribute),
  6: one('flags', 'fixed32'),
};
const span: Message = {
  1: one('traceId', 'hex'),
  2: one('spanId', 'hex'),
  3: one('traceState', 'string'),
  4: one('parentSpanId', 'hex'),
  5: one('name', 'string'),
  6: one('kind', 'int'),
  7: one('startTimeUnixNano', 'fixed64'),
  8: one('endTimeUnixNano', 'fixed64'),
  9: list('attributes', attribute),
  13: list('links', link),
  15: one('status', { 2: one('message', 'string'), 3: one('code', 'int') }),
  16: one('flags', 'fixed32'),
};
const scope: Message = { 1: one('name', 'string'), 2: one('version', 'string') };
const resource: Message = { 1: list('attributes', attribute) };
const exported: Message = {
  1: list('resourceSpans', {
    1: one('resource', resource),
    2: list('scopeSpans', { 1: one('scope', scope), 2: list('spans', span), 3: one('schemaUrl', 'string') }),
    3: one('schemaUrl', 'string'),
  }),
};

/**
 * Decodes an `ExportTraceServiceRequest`. WHY by a table of our own: the exporter's package encodes only, and must not be judged by
 * itself.
 *
 * @throws RangeError for a field that is not in the table, unless it is a count of what was dropped and says 0
 * @see opentelemetry-proto, trace/v1/trace.proto, common/v1/common.proto, resource/v1/resource.proto
 */
export function decodeExport(bytes: Uint8Array): Exported {
  return decode(new BinaryReader(bytes), bytes.length, exported) as unknown as Exported;
}

function decode(reader: BinaryReader, end: number, message: Message): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const { name, isList } of Object.values(message)) if (isList === true) found[name] = [];
  while (reader.pos < end) {
    const [number, type] = reader.tag();
    const field = message[number];
    if (field === undefined) {
      if (type === WireType.Varint && reader.uint32() === 0) continue;
      throw new RangeError(`field ${number} of type ${type} is not known`);
    }
    const value = read(reader, field.kind);
    if (field.isList === true) (found[field.name] as unknown[]).push(value);
    else found[field.name] = value;
  }
  return found;
}

function read(reader: BinaryReader, kind: Kind): unknown {
  switch (kind) {
    case 'string':
      return reader.string();
    case 'hex':
      return Buffer.from(reader.bytes()).toString('hex');
    case 'int':
      return Number(reader.int64());
    case 'bool':
      return reader.bool();
    case 'double':
      return reader.double();
    case 'fixed64':
      return String(reader.fixed64());
    case 'fixed32':
      return reader.fixed32();
    default: {
      const length = reader.uint32();
      return decode(reader, reader.pos + length, kind);
    }
  }
}
