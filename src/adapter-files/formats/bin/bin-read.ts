import { EspalierError, finishInSlices } from '../../../core/index.ts';
import { parsePeftConfig } from '../peft/peft-config.ts';
import type { AdapterFile } from '../../source/adapter-source.ts';
import { readFingerprint } from '../../../models/index.ts';
import { PatternBudget, settingSteps, type ModuleWeights } from '../../../lora/index.ts';
import * as layout from './bin-layout.ts';
import { checksumOf } from './bin-write.ts';
import {
  configOfModules,
  readStored,
  type BareModule,
  type StoredAdapter,
  type StoredModule,
  type StoredStructure,
} from '../stored-adapter.ts';

/** No layer is wider. A product of two such widths is still exact. */
const maxWidth = 2 ** 31 - 1;
const maxRank = 65_536;

/**
 * Reads a .bin adapter. The matrices are views of its bytes. The caller must check that they are finite.
 *
 * @param path  what errors call the file
 * @throws EspalierError BIN_ADAPTER_MALFORMED for every deviation from the format
 */
export async function parseBinAdapter(bytes: Uint8Array, path: string): Promise<StoredAdapter> {
  const structure = await naming(path, async () => {
    const file = new BinFile(bytes, bytes.byteLength);
    if (Buffer.compare(await checksumOf(file.bytes), file.checksum) !== 0) {
      throw new RangeError('its checksum is not that of its content');
    }
    const read = await file.adapter(path);
    file.checkPadding();
    return read;
  });
  return readStored(structure);
}

/**
 * Like `parseBinAdapter`, but reads only the part of the file before its numbers, and does not compare the checksum.
 *
 * @throws EspalierError BIN_ADAPTER_MALFORMED
 */
export function readBinHeader(file: AdapterFile): Promise<StoredStructure> {
  return naming(file.path, async () => {
    const header = await file.read(0, Math.min(file.size, layout.headerBytes));
    const start = layout.dataAt(new BinFile(header, file.size).sizes);
    return new BinFile(await file.read(0, start), file.size).adapter(file.path);
  });
}

/** Adds the file's path to errors of the format. */
async function naming<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof TypeError || cause instanceof SyntaxError)) throw cause;
    throw new EspalierError('BIN_ADAPTER_MALFORMED', { path, reason: cause.message }, { cause });
  }
}

interface Target extends BareModule, layout.BinMatrices {
  readonly kind: (typeof layout.kinds)[number];
  readonly a: number;
  readonly b: number;
}

/** A file, or the part of it before its numbers. */
class BinFile {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #length: number;
  readonly #sizes: layout.BinSizes;
  readonly #rslora: boolean;

  /** @param length  of the whole file */
  constructor(bytes: Uint8Array, length: number) {
    // WHY a plain view: slice() of a Buffer does not copy, and its views would not either.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#length = length;
    if (length < layout.headerBytes) throw new RangeError(`it has ${length} bytes, the header alone 128`);
    if (Buffer.compare(this.bytes.subarray(0, 8), layout.magic) !== 0)
      throw new RangeError('it begins with other bytes');
    this.#expect('version', this.#u32(8), layout.binVersion);
    this.#expect('byte order mark', this.#u32(12), layout.byteOrderMark);
    this.#expect('length', this.#u64(16), length);
    this.#sizes = { targets: this.#u32(24), configBytes: this.#u32(32), nameBytes: this.#u32(36) };
    this.#rslora = this.#flags() === layout.isRslora;
    this.#checkSizes();
    this.#zero(48, 64, 'the header');
    this.#zero(96, 128, 'the header');
  }

  get sizes(): layout.BinSizes {
    return this.#sizes;
  }

  get checksum(): Uint8Array {
    return this.bytes.subarray(layout.checksumAt, layout.checksumAt + layout.checksumBytes);
  }

  /** The contents before the numbers. */
  async adapter(path: string): Promise<StoredStructure> {
    this.#zero(layout.configAt(this.#sizes) + this.#sizes.configBytes, layout.dataAt(this.#sizes), 'the configuration');
    const targets = this.#targets();
    const modules = new Map(targets.map((target) => [target.path, this.#module(target)]));
    const { config, ...told } = this.#config(path, targets);
    const settings = await finishInSlices(settingSteps(config, [...modules.keys()], new PatternBudget()));
    for (const [name, { rank, scaling }] of modules) {
      const told = settings.get(name);
      // WHY not equal: an alpha that was computed from a scale may differ in the last bit.
      const close = told !== undefined && Math.abs(told.scaling - scaling) <= 1e-9 * Math.abs(scaling);
      if (told?.rank === rank && close) continue;
      throw new RangeError(`its configuration gives ${name} another rank or alpha than its table`);
    }
    return { config, modules, ...told, end: this.#length };
  }

  #checkSizes(): void {
    const { targets, configBytes, nameBytes } = this.#sizes;
    if (targets === 0) throw new RangeError('it has no targets');
    if (configBytes > layout.maxConfigBytes) throw new RangeError(`its configuration has ${configBytes} bytes`);
    if (nameBytes > targets * layout.maxNameBytes) throw new RangeError(`its names have ${nameBytes} bytes`);
    const start = layout.dataAt(this.#sizes);
    if (start > this.#length) throw new RangeError(`its data should begin at ${start}, it has ${this.#length} bytes`);
    this.#expect('data offset', this.#u64(40), start);
  }

  #flags(): number {
    const flags = this.#u32(28);
    if (flags > layout.isRslora) throw new RangeError(`it has the unknown flags ${flags}`);
    return flags;
  }

  #targets(): Target[] {
    const { targets, nameBytes } = this.#sizes;
    let nameAt = 0;
    let last = '';
    const entries = Array.from({ length: targets }, (_, i): Target => {
      const at = layout.headerBytes + i * layout.entryBytes;
      this.#expect(`offset of name ${i}`, this.#u32(at), nameAt);
      const path = this.#name(i, { nameAt, length: this.#u32(at + 4) });
      if (Buffer.compare(Buffer.from(path), Buffer.from(last)) <= 0)
        throw new RangeError(`${path} does not come after ${last}, as names in rising order do`);
      last = path;
      nameAt += this.#u32(at + 4);
      return { path, ...this.#entry(at, path) };
    });
    this.#expect('length of the names', nameBytes, nameAt);
    this.#checkPlaces(entries);
    return entries;
  }

  #name(index: number, { nameAt, length }: { nameAt: number; length: number }): string {
    const { nameBytes } = this.#sizes;
    if (length === 0 || length > layout.maxNameBytes || nameAt + length > nameBytes) {
      throw new RangeError(`name ${index} has ${length} bytes`);
    }
    const start = layout.namesAt(this.#sizes) + nameAt;
    const path = decoder.decode(this.bytes.subarray(start, start + length));
    if (/\p{Cc}/u.test(path)) throw new RangeError(`name ${index} holds a control character`);
    return path;
  }

  #entry(at: number, path: string): Omit<Target, 'path'> {
    const [rank, width, out] = [this.#u32(at + 8), this.#u32(at + 12), this.#u32(at + 16)];
    if (rank === 0 || rank > maxRank) throw new RangeError(`${path} has rank ${rank}`);
    if (width === 0 || out === 0 || width > maxWidth || out > maxWidth) {
      throw new RangeError(`${path} takes ${width} numbers and gives ${out}`);
    }
    const kind = layout.kinds[this.#u32(at + 20)];
    if (kind === undefined) throw new RangeError(`${path} is of the unknown kind ${this.#u32(at + 20)}`);
    const alpha = this.#view.getFloat64(at + 24, true);
    if (!Number.isFinite(alpha)) throw new RangeError(`${path} has alpha ${alpha}`);
    this.#zero(at + 48, at + layout.entryBytes, `the entry of ${path}`);
    return { kind, rank, in: width, out, alpha, a: this.#u64(at + 32), b: this.#u64(at + 40) };
  }

  /** The sizes determine every offset, so nothing can overlap, lie outside, or be hidden in between. */
  #checkPlaces(targets: readonly Target[]): void {
    const { places, length } = layout.placeMatrices(this.#sizes, targets);
    this.#expect('length that its sizes give', this.#length, length);
    for (const [i, { path, a, b }] of targets.entries()) {
      this.#expect(`offset of ${path}'s A`, a, places[i]?.a ?? 0);
      this.#expect(`offset of ${path}'s B`, b, places[i]?.b ?? 0);
    }
  }

  /** Checks that the gaps between matrices are zeros. The whole file must have been read. */
  checkPadding(): void {
    let end = layout.dataAt(this.#sizes);
    for (const { path, rank, in: width, out, a, b } of this.#targets()) {
      this.#zero(end, a, path);
      this.#zero(a + 4 * rank * width, b, path);
      end = b + 4 * out * rank;
    }
  }

  #module({ path, kind, rank, in: width, out, alpha, a, b }: Target): StoredModule {
    const matrix = (shape: readonly [number, number], at: number): ModuleWeights['a'] => ({
      dtype: 'float32',
      shape,
      bytes: this.bytes.subarray(at, at + 4 * shape[0] * shape[1]),
    });
    const scaling = alpha / (this.#rslora ? Math.sqrt(rank) : rank);
    const weights = {
      ...(kind !== 'linear' && { kind }),
      rank,
      scaling,
      a: matrix([rank, width], a),
      b: matrix([out, rank], b),
    };
    // The format names modules alone.
    const places = { a: { tensor: `${path} A`, offset: a }, b: { tensor: `${path} B`, offset: b } };
    return { ...weights, places, weights: () => Promise.resolve(weights) };
  }

  #config(path: string, targets: readonly Target[]): Pick<StoredStructure, 'config' | 'baseName' | 'baseFingerprint'> {
    const start = layout.configAt(this.#sizes);
    const text = decoder.decode(this.bytes.subarray(start, start + this.#sizes.configBytes));
    if (text === '') return { config: configOfModules(targets, { useRslora: this.#rslora }), baseName: undefined };
    const { content, fingerprint } = splitConfig(JSON.parse(text));
    const read = parsePeftConfig(content, path);
    if (read.config.useRslora !== this.#rslora)
      throw new RangeError('its configuration scales otherwise than its flags');
    return { ...read, ...(fingerprint !== undefined && { baseFingerprint: fingerprint }) };
  }

  #u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  #u64(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  #expect(what: string, actual: number, expected: number): void {
    if (actual !== expected) throw new RangeError(`its ${what} is ${actual}, expected ${expected}`);
  }

  #zero(start: number, end: number, what: string): void {
    for (let at = start; at < end; at++) {
      if (this.bytes[at] !== 0) throw new RangeError(`byte ${at}, unused beside ${what}, is not zero`);
    }
  }
}

/** PEFT's configuration, and the fingerprint of the base beside it. @throws RangeError for a text that is no fingerprint */
function splitConfig(json: unknown): { readonly content: unknown; readonly fingerprint?: string } {
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, layout.fingerprintField)) {
    return { content: json };
  }
  const content = Object.fromEntries(Object.entries(json).filter(([key]) => key !== layout.fingerprintField));
  const fingerprint = readFingerprint(Reflect.get(json, layout.fingerprintField));
  if (fingerprint === undefined) throw new RangeError(`its ${layout.fingerprintField} is no fingerprint`);
  return { content, fingerprint };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
