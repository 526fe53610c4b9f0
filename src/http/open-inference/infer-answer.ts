import { EspalierError } from '../../core/index.ts';
import type { TensorData } from '../../tensor/index.ts';
import { datatypeOf, isBinaryOnly } from './datatypes.ts';
import type { InferBody } from './infer-request.ts';
import { jsonOfTensor } from './tensor-json.ts';

export interface AnswerHead {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string | undefined;
  /** Parameters of the whole answer, such as the adapter's version. */
  readonly parameters: Readonly<Record<string, string>>;
}

export interface InferAnswer {
  readonly body: Buffer;
  /** Length of the JSON before the bytes of the tensors; undefined if the whole answer is JSON. */
  readonly headerLength: number | undefined;
}

/**
 * Refuses, before any work, a request for half-width floats as JSON.
 * @throws EspalierError INFER_OUTPUT_NOT_JSON
 */
export function assertSpeakable(
  request: InferBody,
  outputs: readonly { readonly name: string; readonly dtype: TensorData['dtype'] }[],
): void {
  for (const { name, dtype } of outputs) {
    const isWanted = request.outputs.length === 0 || request.outputs.some((output) => output.name === name);
    if (!isWanted || !isBinaryOnly(dtype) || isBinaryIn(request, name)) continue;
    throw new EspalierError('INFER_OUTPUT_NOT_JSON', { name, problem: `is ${datatypeOf(dtype)}` });
  }
}

/**
 * Writes the answer. An output is in the JSON, or its header is there and its bytes follow the JSON.
 *
 * @param tensors  by name, in the order of the answer
 * @throws EspalierError INFER_OUTPUT_NOT_JSON for a value that is not finite
 */
export async function writeInferAnswer(
  request: InferBody,
  head: AnswerHead,
  tensors: ReadonlyMap<string, TensorData>,
): Promise<InferAnswer> {
  const outputs: string[] = [];
  const binary: Uint8Array[] = [];
  for (const [name, tensor] of tensors) {
    const info = { name, datatype: datatypeOf(tensor.dtype), shape: tensor.shape };
    if (isBinaryIn(request, name)) {
      const parameters = { binary_data_size: tensor.bytes.byteLength };
      outputs.push(JSON.stringify({ ...info, parameters }));
      binary.push(tensor.bytes);
    } else {
      outputs.push(`${JSON.stringify(info).slice(0, -1)},"data":${await jsonOfTensor(name, tensor)}}`);
    }
  }
  const { parameters, ...rest } = head;
  const said = Object.keys(parameters).length === 0 ? rest : { ...rest, parameters };
  const json = Buffer.from(`${JSON.stringify(said).slice(0, -1)},"outputs":[${outputs.join()}]}`);
  if (binary.length === 0) return { body: json, headerLength: undefined };
  return { body: Buffer.concat([json, ...binary]), headerLength: json.byteLength };
}

function isBinaryIn(request: InferBody, name: string): boolean {
  return request.outputs.find((output) => output.name === name)?.isBinary ?? request.isBinary;
}
