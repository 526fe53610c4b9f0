import { breathe, EspalierError, Sha256 } from '../../../core/index.ts';
import { formatPeftConfig } from '../peft/peft-config.ts';
import type { LoraConfig } from '../../../lora/index.ts';
import * as layout from './bin-layout.ts';
import { assertExpressible, type StoredAdapter } from '../stored-adapter.ts';

/**
 * The bytes of a .bin adapter. The same adapter gives the same bytes, in any order of its modules.
 *
 * @throws EspalierError ADAPTER_NOT_EXPRESSIBLE for parts that the format cannot store
 */
export async function formatBinAdapter(adapter: StoredAdapter): Promise<Uint8Array> {
  assertExpressible(adapter, { format: '.bin', kinds: layout.kinds });
  const modules = [...adapter.modules].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const names = modules.map(([path]) => Buffer.from(path));
  const long = names.find((name) => name.length > layout.maxNameBytes);
  if (long !== undefined) {
    const problems = `the path ${long.toString().slice(0, 40)}... has ${long.length} bytes, at most ${layout.maxNameBytes} fit`;
    throw new EspalierError('ADAPTER_NOT_EXPRESSIBLE', { format: '.bin', problems });
  }
  const fingerprint = adapter.baseFingerprint;
  const told = {
    ...formatPeftConfig(adapter.config, adapter.baseName),
    ...(fingerprint !== undefined && { [layout.fingerprintField]: fingerprint }),
  };
  const config = Buffer.from(JSON.stringify(told));
  const nameBytes = names.reduce((sum, { length }) => sum + length, 0);
  const sizes: layout.BinSizes = { targets: modules.length, nameBytes, configBytes: config.length };
  const matrices = modules.map(([, { rank, a, b }]) => ({ rank, in: a.shape[1] ?? 0, out: b.shape[0] ?? 0 }));
  const { places, length } = layout.placeMatrices(sizes, matrices);

  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  const rslora = adapter.config.useRslora === true;
  writeHeader(view, sizes, rslora);
  let nameAt = 0;
  for (const [i, [, { kind = 'linear', rank, scaling, a, b }]] of modules.entries()) {
    const place = places[i] ?? { a: 0, b: 0 };
    const size = matrices[i] ?? { rank, in: 0, out: 0 };
    const alpha = alphaOf(adapter.config, scaling, rslora ? Math.sqrt(rank) : rank);
    writeEntry(view, layout.headerBytes + i * layout.entryBytes, {
      nameAt,
      nameLength: names[i]?.length ?? 0,
      alpha,
      kind: layout.kinds.findIndex((known) => known === kind),
      size,
      place,
    });
    bytes.set(names[i] ?? [], layout.namesAt(sizes) + nameAt);
    bytes.set(a.bytes, place.a);
    bytes.set(b.bytes, place.b);
    nameAt += names[i]?.length ?? 0;
    await breathe();
  }
  bytes.set(config, layout.configAt(sizes));
  bytes.set(await checksumOf(bytes), layout.checksumAt);
  return bytes;
}

/** WHY not the product alone: it may differ from the given alpha in the last bit. */
function alphaOf(config: LoraConfig, scaling: number, divisor: number): number {
  const given = [config.alpha, ...Object.values(config.alphaPattern ?? {})];
  return given.find((alpha) => alpha / divisor === scaling) ?? scaling * divisor;
}

function writeHeader(view: DataView, sizes: layout.BinSizes, rslora: boolean): void {
  new Uint8Array(view.buffer).set(layout.magic);
  view.setUint32(8, layout.binVersion, true);
  view.setUint32(12, layout.byteOrderMark, true);
  view.setBigUint64(16, BigInt(view.byteLength), true);
  view.setUint32(24, sizes.targets, true);
  view.setUint32(28, rslora ? layout.isRslora : 0, true);
  view.setUint32(32, sizes.configBytes, true);
  view.setUint32(36, sizes.nameBytes, true);
  view.setBigUint64(40, BigInt(layout.dataAt(sizes)), true);
}

interface Entry {
  readonly nameAt: number;
  readonly nameLength: number;
  readonly alpha: number;
  readonly kind: number;
  readonly size: layout.BinMatrices;
  readonly place: { readonly a: number; readonly b: number };
}

function writeEntry(view: DataView, at: number, { nameAt, nameLength, alpha, kind, size, place }: Entry): void {
  view.setUint32(at, nameAt, true);
  view.setUint32(at + 4, nameLength, true);
  view.setUint32(at + 8, size.rank, true);
  view.setUint32(at + 12, size.in, true);
  view.setUint32(at + 16, size.out, true);
  view.setUint32(at + 20, kind, true);
  view.setFloat64(at + 24, alpha, true);
  view.setBigUint64(at + 32, BigInt(place.a), true);
  view.setBigUint64(at + 40, BigInt(place.b), true);
}

/** SHA-256 of a file in which the bytes of the checksum itself are zeros. */
export async function checksumOf(bytes: Uint8Array): Promise<Uint8Array> {
  const hash = new Sha256();
  await hash.update(bytes.subarray(0, layout.checksumAt));
  await hash.update(new Uint8Array(layout.checksumBytes));
  await hash.update(bytes.subarray(layout.checksumAt + layout.checksumBytes));
  return hash.digest();
}
