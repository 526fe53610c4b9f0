import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** What an event says. */
export type EventContent =
  /** The first event of every file. */
  | { readonly kind: 'version' }
  /** What earlier files of the folder hold from this step on no longer counts: a run goes on from here. */
  | { readonly kind: 'restart' }
  /** Numbers by their tags: `train/loss`. They are stored in f32. */
  | { readonly kind: 'scalars'; readonly values: ReadonlyMap<string, number> }
  /** A text, which TensorBoard shows as Markdown. */
  | { readonly kind: 'text'; readonly tag: string; readonly text: string };

export interface EventTime {
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly step: number;
}

/** DataType.DT_STRING of TensorFlow. */
const stringType = 7;
/** SessionLog.START */
const sessionStart = 1;

/**
 * Encodes an event of TensorBoard as a protobuf message.
 * @see TensorFlow, event.proto and summary.proto, whose field numbers these are
 */
export function encodeEvent({ seconds, step }: EventTime, content: EventContent): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Bit64).double(seconds);
  writer.tag(2, WireType.Varint).int64(step);
  if (content.kind === 'version') writer.tag(3, WireType.LengthDelimited).string('brain.Event:2');
  if (content.kind === 'restart') nested(writer, 7, () => writer.tag(1, WireType.Varint).int32(sessionStart));
  if (content.kind === 'scalars') {
    nested(writer, 5, () => {
      for (const [tag, value] of content.values) {
        nested(writer, 1, () => {
          writer.tag(1, WireType.LengthDelimited).string(tag);
          writer.tag(2, WireType.Bit32).float(value);
        });
      }
    });
  }
  if (content.kind === 'text') nested(writer, 5, () => nested(writer, 1, () => writeText(writer, content)));
  return writer.finish();
}

/** A value with a tensor [1] of strings, which the plug-in `text` shows. */
function writeText(writer: BinaryWriter, { tag, text }: { readonly tag: string; readonly text: string }): void {
  writer.tag(1, WireType.LengthDelimited).string(tag);
  nested(writer, 8, () => {
    writer.tag(1, WireType.Varint).int32(stringType);
    nested(writer, 2, () => nested(writer, 2, () => writer.tag(1, WireType.Varint).int64(1)));
    writer.tag(8, WireType.LengthDelimited).bytes(new TextEncoder().encode(text));
  });
  nested(writer, 9, () => {
    nested(writer, 1, () => writer.tag(1, WireType.LengthDelimited).string('text'));
  });
}

function nested(writer: BinaryWriter, id: number, write: () => void): void {
  writer.tag(id, WireType.LengthDelimited).fork();
  write();
  writer.join();
}
