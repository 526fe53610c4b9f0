import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { TensorData } from '../../tensor/index.ts';
import { checkJsonBounds, tensorBounds } from '../door/json-bounds.ts';
import { parseJson } from '../door/parse-json.ts';
import { parseBody } from '../door/parse-body.ts';
import { dataTypeFor, datatypes } from './datatypes.ts';
import { tensorOfBytes } from './tensor-bytes.ts';
import { parseJsonExactly, tensorOfJson } from './tensor-json.ts';

/** An inference request as it was sent. */
export interface InferBody {
  readonly id: string | undefined;
  readonly inputs: ReadonlyMap<string, TensorData>;
  /** Empty if the client wants every output. */
  readonly outputs: readonly WantedOutput[];
  /** Whether outputs are sent as bytes by default. */
  readonly isBinary: boolean;
  /** Name of the adapter that answers. */
  readonly adapter: string | undefined;
}

export interface WantedOutput {
  readonly name: string;
  readonly isBinary: boolean | undefined;
}

/** Most bytes of the JSON of a request. Its values take many times as much memory. */
const maxJsonBytes = 8 * 2 ** 20;
/** Most bytes of JSON with long integers. Keeping them digit by digit costs many times as much. */
const maxExactBytes = 2 ** 20;
const maxRank = 32;
const maxName = 256;
/** Most inputs, and most outputs, of one request. */
const maxTensors = 256;

const parameters = z.record(z.string(), z.unknown());
const dimension = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const inferSchema = z.looseObject({
  id: z.string().max(256).optional(),
  parameters: z
    .looseObject({ adapter: z.string().min(1).max(maxName).optional(), binary_data_output: z.boolean().optional() })
    .default({}),
  inputs: z
    .array(
      z.looseObject({
        name: z.string().min(1).max(maxName),
        shape: z.array(dimension).max(maxRank),
        datatype: z.string().max(16),
        parameters: z.looseObject({ binary_data_size: z.number().int().min(0).optional() }).default({}),
        data: z.unknown().optional(),
      }),
    )
    .min(1)
    .max(maxTensors),
  outputs: z
    .array(z.looseObject({ name: z.string().min(1).max(maxName), parameters: parameters.default({}) }))
    .max(maxTensors)
    .default([]),
});

type Body = z.output<typeof inferSchema>;

/** Parameters of requests and outputs that would change the answer and are not supported. */
const refusedParameters = ['classification', 'sequence_id', 'sequence_start', 'sequence_end', 'shared_memory_region'];

/**
 * Reads an inference request: only JSON, or JSON of `headerLength` bytes followed by tensors as bytes.
 *
 * @throws EspalierError REQUEST_INVALID, REQUEST_UNSUPPORTED, REQUEST_TOO_LARGE
 * @see Open Inference Protocol v2, "Inference"; Triton, "Binary data extension"
 */
export async function readInferRequest(bytes: Uint8Array, headerLength: string | undefined): Promise<InferBody> {
  const split = headerLength === undefined ? bytes.byteLength : parseLength(headerLength, bytes.byteLength);
  const body = parseBody(inferSchema, await parseHeader(bytes.subarray(0, split)));
  for (const name of refusedParameters) {
    const carriers = [body.parameters, ...[...body.inputs, ...body.outputs].map((tensor) => tensor.parameters)];
    if (carriers.some((carrier) => carrier[name] !== undefined)) {
      throw new EspalierError('REQUEST_UNSUPPORTED', { param: name, problem: 'it is an extension of other servers' });
    }
  }
  const inputs = await readInputs(body, bytes.subarray(split));
  return {
    id: body.id,
    inputs,
    outputs: body.outputs.map(({ name, parameters: own }, place) => ({ name, isBinary: binaryFlag(own, place) })),
    isBinary: body.parameters.binary_data_output ?? false,
    adapter: body.parameters.adapter,
  };
}

function parseLength(header: string, total: number): number {
  const length = /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  if (length <= total) return length;
  const problem = `expected at most the ${total} bytes of the body, got ${header}`;
  throw invalid('Inference-Header-Content-Length', problem);
}

async function parseHeader(bytes: Uint8Array): Promise<unknown> {
  if (bytes.byteLength > maxJsonBytes) {
    throw new EspalierError('REQUEST_TOO_LARGE', { what: 'JSON', bytes: bytes.byteLength, limit: maxJsonBytes });
  }
  const shape = await checkJsonBounds(bytes, tensorBounds);
  if (shape.hasLongNumber && bytes.byteLength > maxExactBytes) {
    const problem = `integers beyond 2^53 are read from at most ${maxExactBytes} bytes of JSON; send tensors as bytes`;
    throw new EspalierError('REQUEST_INVALID', { param: 'body', problem });
  }
  return parseJson(bytes, shape, parseJsonExactly);
}

async function readInputs({ inputs }: Body, binary: Uint8Array): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  let offset = 0;
  for (const [place, input] of inputs.entries()) {
    const param = `inputs.${place}`;
    if (tensors.has(input.name)) throw invalid(`${param}.name`, `${input.name} is given twice`);
    const dtype = dataTypeFor(input.datatype);
    if (dtype === undefined) throw invalid(`${param}.datatype`, `expected one of ${datatypes.join(', ')}`);
    const size = input.parameters.binary_data_size;
    if (size === undefined) {
      tensors.set(input.name, await tensorOfJson(input.data, { dtype, shape: input.shape, param }));
      continue;
    }
    if (input.data !== undefined) throw invalid(`${param}.data`, 'its bytes are announced already');
    const bytes = binary.subarray(offset, offset + size);
    if (bytes.byteLength !== size) throw invalid(param, `${size} bytes are announced and ${bytes.byteLength} are left`);
    tensors.set(input.name, await tensorOfBytes(bytes, { dtype, shape: input.shape, param }));
    offset += size;
  }
  if (offset !== binary.byteLength) {
    throw invalid('body', `${binary.byteLength - offset} bytes behind the JSON belong to no input`);
  }
  return tensors;
}

function binaryFlag(own: Readonly<Record<string, unknown>>, place: number): boolean | undefined {
  const flag = own['binary_data'];
  if (flag === undefined || typeof flag === 'boolean') return flag;
  throw invalid(`outputs.${place}.parameters.binary_data`, 'expected true or false');
}

export function invalid(param: string, problem: string): EspalierError {
  return new EspalierError('REQUEST_INVALID', { param, problem });
}
