import { checksumOf } from '../../src/adapter-files/formats/bin/bin-write.ts';
import { parseGguf } from '../../src/adapter-files/formats/gguf/gguf-format.ts';
import { formatBinAdapter, parseBinAdapter, readOnnxAdapter, writeOnnxAdapter } from '../../src/adapter-files/index.ts';
import { loraMetadata, tinyGguf } from '../../src/adapter-files/testing/tiny-gguf.ts';
import { twoParamsAdapter, twoParamsModel } from '../../src/adapter-files/testing/two-params.ts';
import { EspalierError } from '../../src/core/index.ts';
import { ggufConfig } from '../../src/models/gguf/gguf-config.ts';
import { ggufTokenizerFiles } from '../../src/tokenizer/gguf/gguf-tokenizer.ts';
import { decodeModel, encodeModel, graphAttribute, createModel, Tape, verifyModel } from '../../src/ir/index.ts';
import { parseSafetensors, tensorOf } from '../../src/tensor/index.ts';
import { proto, safetensorsFile, varint } from '../attacks/attack.ts';
import { edge, type Dice } from './mutate.ts';

/** A reader that is fuzzed. */
export interface Target {
  readonly name: string;
  /** Sound files. */
  readonly seeds: readonly Uint8Array[];
  /** A file by the rules of the format, or nearly. */
  generate(dice: Dice): Uint8Array;
  /** Mends what every mutation breaks, so that more than one check is reached. */
  mend?(bytes: Uint8Array): Promise<Uint8Array>;
  read(bytes: Uint8Array): Promise<unknown>;
}

const text = (value: unknown): string => JSON.stringify(value);
const types = ['F32', 'F16', 'BF16', 'I64', 'U8', 'BOOL', 'F64', 'Q4', ''];

function safetensors(): Target {
  const tensor = (dtype: string, shape: number[], offsets: number[]) => ({ dtype, shape, data_offsets: offsets });
  return {
    name: 'safetensors',
    seeds: [
      safetensorsFile({ a: tensor('F32', [2, 2], [0, 16]), b: tensor('U8', [3], [16, 19]) }, 19),
      safetensorsFile({ __metadata__: { format: 'pt', x: '\u00e9\n' }, 'm.w': tensor('BF16', [1], [0, 2]) }, 2),
      safetensorsFile(
        text(
          Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`t${i}`, tensor('I64', [1], [8 * i, 8 * i + 8])])),
        ),
        320,
      ),
    ],
    generate: (dice) => {
      const number = (): string =>
        dice.below(4) === 0
          ? dice.pick([edge(dice).toString(), '-1', '1e3', '0.5', 'null', '""'])
          : String(dice.below(9));
      const list = (length: number): string => `[${Array.from({ length }, number).join(',')}]`;
      const entry = (): string =>
        `${text(dice.pick(['a', 'b', '__metadata__', '\\', '\u0000', '__proto__']))}:{"dtype":${text(dice.pick(types))},"shape":${list(dice.below(4))},"data_offsets":${list(dice.pick([2, 2, 2, 1, 3]))}}`;
      return safetensorsFile(
        `{${Array.from({ length: dice.below(4) }, entry).join(dice.pick([',', ',', ' ', '']))}}`,
        dice.below(64),
      );
    },
    read: (bytes) => parseSafetensors(bytes, 'fuzz'),
  };
}

function protobuf(): Target {
  const message = (dice: Dice, depth: number): Buffer => {
    const fields = Array.from({ length: dice.below(6) }, () => {
      const id = dice.pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 25, 536_870_911]);
      if (dice.below(3) === 0) return proto.varint(id, dice.below(2) === 0 ? edge(dice) : dice.below(32));
      if (dice.below(3) === 0)
        return proto.bytes(id, dice.pick(['', 'x', 'y', 'w', 'If', 'Identity', 'Loop', dice.bytes(dice.below(12))]));
      return depth < 4 ? proto.bytes(id, message(dice, depth + 1)) : varint(edge(dice));
    });
    return Buffer.concat(fields);
  };
  const branching = createModel({ graphName: 'branching' });
  const x = branching.graph.addInput('condition', 'bool', []);
  const tape = new Tape(branching);
  const branch = twoParamsModel({ adapterInputs: false }).graph;
  branching.graph.addOutput(
    tape.op('If', [x], {
      attributes: {
        then_branch: graphAttribute(branch),
        else_branch: graphAttribute(twoParamsModel({ adapterInputs: true }).graph),
      },
    }),
  );
  return {
    name: 'protobuf',
    seeds: [encodeModel(twoParamsModel({ adapterInputs: true })), encodeModel(branching)],
    generate: (dice) => Buffer.concat([proto.bytes(7, message(dice, 0)), message(dice, 0)]),
    read: async (bytes) => {
      const model = decodeModel(bytes);
      verifyModel(model);
      return model;
    },
  };
}

async function flatBuffers(): Promise<Target> {
  return {
    name: 'FlatBuffers',
    seeds: [await writeOnnxAdapter(twoParamsAdapter), await writeOnnxAdapter(twoParamsAdapter, { naming: 'olive' })],
    generate: (dice) => {
      const bytes = Buffer.alloc(16 + 4 * dice.below(60));
      for (let at = 0; at + 4 <= bytes.length; at += 4) {
        const small = dice.below(4) * 4 + (dice.below(3) === 0 ? 0x00040008 : 0);
        bytes.writeUInt32LE(dice.below(12) === 0 ? Number(edge(dice) & 0xffffffffn) : small, at);
      }
      bytes.write('TORT', 4);
      return bytes;
    },
    read: (bytes) => readOnnxAdapter(bytes, 'fuzz'),
  };
}

async function bin(): Promise<Target> {
  const sound = await formatBinAdapter(twoParamsAdapter);
  return {
    name: '.bin',
    seeds: [sound],
    generate: (dice) => {
      const bytes = Buffer.from(sound);
      for (let i = 1 + dice.below(6); i > 0; i--) {
        const at = dice.pick([8, 12, 16, 24, 28, 32, 36, 40, 128, 132, 136, 140, 144, 148, 152, 160, 168]);
        if (at >= 152 || at === 16 || at === 40) bytes.writeBigUInt64LE(edge(dice), at);
        else bytes.writeUInt32LE(dice.below(2) === 0 ? dice.below(9) : Number(edge(dice) & 0xffffffffn), at);
      }
      return bytes;
    },
    mend: async (bytes) => {
      if (bytes.length < 128) return bytes;
      new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(16, BigInt(bytes.length), true);
      bytes.set(await checksumOf(bytes), 64);
      return bytes;
    },
    read: (bytes) => parseBinAdapter(bytes, 'fuzz'),
  };
}

function gguf(): Target {
  const a = tensorOf('float32', [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]);
  return {
    name: 'GGUF',
    seeds: [
      tinyGguf({
        metadata: loraMetadata,
        tensors: [
          ['output.weight.lora_a', a],
          ['output.weight.lora_b', a],
        ],
      }),
    ],
    generate: (dice) => {
      const head = Buffer.alloc(24 + 4 * dice.below(40));
      for (let at = 0; at + 4 <= head.length; at += 4)
        head.writeUInt32LE(dice.below(6) === 0 ? Number(edge(dice) & 0xffffffffn) : dice.below(13), at);
      head.write('GGUF');
      head.writeUInt32LE(3, 4);
      return head;
    },
    read: async (bytes) => {
      const content = parseGguf(bytes, 'fuzz');
      const shapes = new Map([...content.tensors].map(([name, { shape }]) => [name, shape]));
      const isRefused = (error: unknown): boolean => EspalierError.isInstance(error);
      for (const read of [
        () => ggufConfig({ path: 'fuzz', metadata: content.metadata, shapes, factors: new Map() }),
        () => ggufTokenizerFiles(content.metadata, 'fuzz'),
      ]) {
        try {
          read();
        } catch (error) {
          if (!isRefused(error)) throw error;
        }
      }
      return content;
    },
  };
}

export async function fuzzTargets(): Promise<readonly Target[]> {
  return [safetensors(), protobuf(), await flatBuffers(), await bin(), gguf()];
}
