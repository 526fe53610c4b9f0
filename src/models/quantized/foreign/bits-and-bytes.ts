import { z } from 'zod';
import type { BytePlace, Decoding } from '../../../tensor/index.ts';
import type { WeightRef } from '../../weight-ref.ts';
import { Problems, type QuantizedResult } from '../quantized-weight.ts';
import type { BitsAndBytesConfig } from './bits-and-bytes-config.ts';
import type { FoundMatrix } from './find-grouped.ts';

/** The state of a matrix of 4 bits, as JSON in a tensor of bytes. */
const stateSchema = z.looseObject({
  quant_type: z.enum(['nf4', 'fp4']),
  blocksize: z.number().int().min(2).multipleOf(2),
  dtype: z.enum(['float32', 'float16', 'bfloat16']),
  shape: z.tuple([z.number().int(), z.number().int()]),
  nested_blocksize: z.number().int().min(1).optional(),
  nested_dtype: z.literal('float32').optional(),
  nested_offset: z.number().optional(),
});

const states = ['nf4', 'fp4'].map((type) => `.quant_state.bitsandbytes__${type}`);

/**
 * Interprets `weight`, `weight.absmax`, `weight.quant_map`, their nested ones and `weight.quant_state.bitsandbytes__nf4` (or `fp4`); of
 * 8 bits `weight`, `SCB` and `weight_format`.
 *
 * @returns undefined if the matrix consists of floats
 */
export function bitsAndBytesWeight(found: FoundMatrix, { bits }: BitsAndBytesConfig): QuantizedResult | undefined {
  return bits === 4 ? ofFourBits(found) : ofEightBits(found);
}

function ofFourBits({ matrix, listed, small }: FoundMatrix): QuantizedResult | undefined {
  const { name, rows, columns } = matrix;
  const at = (end: string): WeightRef | undefined => listed.get(`${name}${end}`);
  const [codes, map, absmax] = [at(''), at('.quant_map'), at('.absmax')];
  const found = states.flatMap((end) => at(end) ?? []);
  const [stateRef] = found;
  if (codes === undefined || (stateRef === undefined && map === undefined)) return undefined;
  if (stateRef === undefined || map === undefined || absmax === undefined || found.length > 1) {
    return { problem: `${name} has no ${name}.absmax, .quant_map or .quant_state.bitsandbytes__nf4, or two states` };
  }
  const state = parsedState(small.get(stateRef.name));
  if (typeof state === 'string') return { problem: `${stateRef.name} cannot be used: ${state}` };
  const { blocksize: blockSize, nested_blocksize: nestedSize, nested_offset: offset, dtype: rounding, shape } = state;
  const problems = new Problems();
  const count = rows * columns;
  const blocks = Math.ceil(count / blockSize);
  if (shape.join() !== [rows, columns].join()) {
    problems.add(`${stateRef.name} says [${shape.join(', ')}], expected [${rows}, ${columns}]`);
  }
  if (codes.length !== Math.ceil(count / 2)) {
    problems.add(`${name} has ${codes.length} bytes, expected ${Math.ceil(count / 2)}: two numbers in each`);
  }
  problems.expect(map, 'float32', [16]);
  const used = [stateRef, map, absmax];
  const isNested = nestedSize !== undefined;
  const [outer, outerMap] = [at('.nested_absmax'), at('.nested_quant_map')];
  problems.expect(absmax, isNested ? 'uint8' : 'float32', [blocks]);
  if (isNested && outer && outerMap) {
    problems.expect(outer, 'float32', [Math.ceil(blocks / nestedSize)]).expect(outerMap, 'float32', [256]);
    used.push(outer, outerMap);
  } else if (isNested) problems.add(`${name} has no ${name}.nested_absmax or .nested_quant_map`);
  const nestedPlaces = isNested && outer && outerMap && { nestedAbsmax: placeOf(outer), nestedMap: placeOf(outerMap) };
  const decoding: Decoding = {
    form: 'bitsandbytes4',
    count,
    blockSize,
    rounding,
    ...(isNested && { nested: { blockSize: nestedSize, offset: offset ?? 0 } }),
    places: { absmax: placeOf(absmax), map: placeOf(map), ...nestedPlaces },
  };
  const floats = used.filter(({ dtype }) => dtype === 'float32');
  return problems.or({
    weight: { kind: 'decoded', rows, columns, bits: 4, floats },
    used: used.map((each) => each.name),
    packed: { ...codes, dtype: 'float32', shape: [rows, columns], decoding },
  });
}

function ofEightBits({ matrix, listed, small }: FoundMatrix): QuantizedResult | undefined {
  const { name, rows, columns } = matrix;
  const path = name.replace(/\.weight$/, '');
  const codes = listed.get(name);
  if (codes?.dtype !== 'int8') return undefined;
  const [scales, format] = [listed.get(`${path}.SCB`), listed.get(`${path}.weight_format`)];
  if (scales === undefined) return { problem: `${name} has no ${path}.SCB` };
  const problems = new Problems().expect(codes, 'int8', [rows, columns]).expect(scales, 'float32', [rows]);
  if (format !== undefined && small.get(format.name)?.every((byte) => byte === 0) !== true) {
    problems.add(`${format.name} is not 0: the rows of ${name} do not lie one after the other`);
  }
  const decoding: Decoding = { form: 'bitsandbytes8', rows, columns, places: { scales: placeOf(scales) } };
  return problems.or({
    weight: { kind: 'decoded', rows, columns, bits: 8, floats: [scales] },
    used: [scales.name, ...(format ? [format.name] : [])],
    packed: { ...codes, dtype: 'float32', shape: [rows, columns], decoding },
  });
}

function parsedState(bytes: Uint8Array | undefined): z.output<typeof stateSchema> | string {
  if (bytes === undefined) return 'it is too long';
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return 'it is no JSON';
  }
  const parsed = stateSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  return parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

function placeOf({ location, offset, length }: WeightRef): BytePlace {
  return { location, offset, length };
}
