/**
 * Reads and writes protobuf messages by a description of their fields. Fields without a description are kept as bytes,
 * including their tags, and are written back at the end of their message.
 */
import type { Steps } from '../../core/index.ts';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

interface ScalarTypes {
  string: string;
  bytes: Uint8Array;
  int32: number;
  int64: bigint;
  uint64: bigint;
  float: number;
  double: number;
}

export type ScalarType = keyof ScalarTypes;

export interface Message {
  unknown: readonly Uint8Array[];
}

export interface Field {
  readonly id: number;
  readonly type: ScalarType | (() => Schema<never>);
  readonly repeated: boolean;
  /** Whether the numbers of a repeated field are written as one packed block. Both forms are read. */
  readonly packed: boolean;
}

/** One field description for each property of the message. A singular field that is undefined is absent. */
export type Schema<T extends Message> = { readonly [Name in Exclude<keyof T, 'unknown'>]-?: Field };

export function field(id: number, type: Field['type']): Field {
  return { id, type, repeated: false, packed: false };
}

export function repeated(id: number, type: Field['type'], options: { readonly packed?: boolean } = {}): Field {
  return { id, type, repeated: true, packed: options.packed ?? false };
}

/** Maximum nesting of messages, which is protobuf's own default. It protects the stack from hostile files. */
const maxDepth = 100;

type Fields = Record<string, unknown>;

/**
 * @throws RangeError or Error of the reader if the bytes are not a complete message
 */
export function readMessage<T extends Message>(schema: Schema<T>, bytes: Uint8Array, depth = 0): T {
  if (depth > maxDepth) throw new RangeError(`messages are nested deeper than ${maxDepth}`);
  const names = namesById(schema);
  const unknown: Uint8Array[] = [];
  const message: Fields = { unknown };
  for (const [name, { repeated: isList }] of entriesOf(schema)) if (isList) message[name] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [id, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) assertLength(bytes, reader.pos);
    const known = names.get(id);
    if (known === undefined || !accepts(known[1], wireType)) {
      reader.skip(wireType, id);
      unknown.push(bytes.subarray(start, reader.pos));
    } else {
      readField(message, known[0], known[1], reader, wireType, depth);
    }
  }
  return message as unknown as T;
}

/** WHY: the reader keeps the low 32 bits of a length, so a length of 2^32 would be read as 0. */
function assertLength(bytes: Uint8Array, at: number): void {
  for (let i = at; i < at + 4; i++) if ((bytes[i] ?? 0) < 0x80) return;
  if ((bytes[at + 4] ?? 0) > 0x0f) throw new RangeError(`the length at ${at} is beyond 2^32 - 1`);
}

function readField(
  message: Fields,
  name: string,
  { type, repeated: isList }: Field,
  reader: BinaryReader,
  wireType: WireType,
  depth: number,
): void {
  if (typeof type === 'function') {
    const value = readMessage(type(), reader.bytes(), depth + 1);
    if (isList) (message[name] as unknown[]).push(value);
    else message[name] = value;
  } else if (!isList) {
    message[name] = readScalar(reader, type);
  } else if (wireType === WireType.LengthDelimited && wireTypeOf(type) !== WireType.LengthDelimited) {
    const block = new BinaryReader(reader.bytes());
    while (block.pos < block.len) (message[name] as unknown[]).push(readScalar(block, type));
  } else {
    (message[name] as unknown[]).push(readScalar(reader, type));
  }
}

function readScalar(reader: BinaryReader, type: ScalarType): ScalarTypes[ScalarType] {
  if (type === 'string') return reader.string(true);
  if (type === 'bytes') return reader.bytes();
  if (type === 'int64') return BigInt(reader.int64());
  if (type === 'uint64') return BigInt(reader.uint64());
  return reader[type]();
}

export function writeMessage<T extends Message>(schema: Schema<T>, message: T): Uint8Array {
  return writeInto(new BinaryWriter(), schema, message).finish();
}

/** As `writeMessage`, with a yield after each entry of a list, also of those in the messages right below. */
export function* writeSteps<T extends Message>(schema: Schema<T>, message: T): Steps<Uint8Array> {
  const writer = new BinaryWriter();
  yield* stepsInto(writer, schema, { message, depth: 1 });
  return writer.finish();
}

/** WHY a depth: the messages below are small and many, and a generator for each would cost more than to write it. */
function* stepsInto<T extends Message>(
  writer: BinaryWriter,
  schema: Schema<T>,
  { message, depth }: { readonly message: T; readonly depth: number },
): Steps<void> {
  for (const [name, description] of entriesOf(schema)) {
    const value = (message as unknown as Fields)[name];
    if (value === undefined) continue;
    const { id, type } = description;
    if (!description.repeated && depth > 0 && typeof type === 'function') {
      writer.tag(id, WireType.LengthDelimited).fork();
      yield* stepsInto(writer, type(), { message: value as never, depth: depth - 1 });
      writer.join();
    } else if (description.repeated && !description.packed) {
      for (const item of value as unknown[]) {
        writeOne(writer, description, item);
        yield;
      }
    } else writeProperty(writer, description, value);
  }
  for (const chunk of message.unknown) writer.raw(chunk);
}

/** Encodes one message as a field of another, including its tag. This is the form of the entries of `unknown`. */
export function writeField<T extends Message>(id: number, schema: Schema<T>, message: T): Uint8Array {
  const writer = new BinaryWriter().tag(id, WireType.LengthDelimited).fork();
  return writeInto(writer, schema, message).join().finish();
}

function writeInto<T extends Message>(writer: BinaryWriter, schema: Schema<T>, message: T): BinaryWriter {
  for (const [name, description] of entriesOf(schema)) {
    const value = (message as unknown as Fields)[name];
    if (value !== undefined) writeProperty(writer, description, value);
  }
  for (const chunk of message.unknown) writer.raw(chunk);
  return writer;
}

function writeProperty(writer: BinaryWriter, description: Field, value: unknown): void {
  if (!description.repeated) writeOne(writer, description, value);
  else if (description.packed) writePacked(writer, description, value as unknown[]);
  else for (const item of value as unknown[]) writeOne(writer, description, item);
}

function writeOne(writer: BinaryWriter, { id, type }: Field, value: unknown): void {
  if (typeof type === 'function') {
    writer.tag(id, WireType.LengthDelimited).fork();
    writeInto(writer, type(), value as never);
    writer.join();
  } else {
    writer.tag(id, wireTypeOf(type));
    writeScalar(writer, type, value);
  }
}

function writePacked(writer: BinaryWriter, { id, type }: Field, values: readonly unknown[]): void {
  if (values.length === 0 || typeof type === 'function') return;
  writer.tag(id, WireType.LengthDelimited).fork();
  for (const value of values) writeScalar(writer, type, value);
  writer.join();
}

function writeScalar(writer: BinaryWriter, type: ScalarType, value: unknown): void {
  writer[type](value as never);
}

function wireTypeOf(type: Field['type']): WireType {
  if (type === 'float') return WireType.Bit32;
  if (type === 'double') return WireType.Bit64;
  if (type === 'int32' || type === 'int64' || type === 'uint64') return WireType.Varint;
  return WireType.LengthDelimited;
}

/** A field with another wire type than described is treated as an unknown field: it is kept as bytes. */
function accepts(description: Field, wireType: WireType): boolean {
  return wireType === wireTypeOf(description.type) || (description.repeated && wireType === WireType.LengthDelimited);
}

const tables = new WeakMap<object, { entries: [string, Field][]; byId: Map<number, [string, Field]> }>();

function tableOf(schema: object): { entries: [string, Field][]; byId: Map<number, [string, Field]> } {
  const known = tables.get(schema);
  if (known) return known;
  const entries = (Object.entries(schema) as [string, Field][]).sort((a, b) => a[1].id - b[1].id);
  const table = { entries, byId: new Map(entries.map((entry) => [entry[1].id, entry])) };
  tables.set(schema, table);
  return table;
}

function entriesOf(schema: object): [string, Field][] {
  return tableOf(schema).entries;
}

function namesById(schema: object): Map<number, [string, Field]> {
  return tableOf(schema).byId;
}
