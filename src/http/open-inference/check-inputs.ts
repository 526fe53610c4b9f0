import { EspalierError, Pace } from '../../core/index.ts';
import { typedArray, type TensorData } from '../../tensor/index.ts';
import type { InferenceEntry } from '../../service/index.ts';

/** Read between two looks at the clock. */
const elementsPerSlice = 4096;

/**
 * Refuses inputs that no model answers: those without an element, and rows of a table that the table does not have.
 * WHY the ids: a kernel may count a negative one from the end of the table, and answer with a row that nobody asked for.
 *
 * @throws EspalierError REQUEST_INVALID
 */
export async function checkInputs(
  inputs: ReadonlyMap<string, TensorData>,
  idLimits: InferenceEntry['idLimits'],
): Promise<void> {
  let place = 0;
  for (const [name, tensor] of inputs) {
    const param = `inputs.${place++}`;
    if (tensor.shape.includes(0)) {
      const problem = `${name} has the shape [${tensor.shape.join(', ')}], and so no element`;
      throw new EspalierError('REQUEST_INVALID', { param: `${param}.shape`, problem });
    }
    const limit = idLimits?.get(name);
    if (limit !== undefined) await checkIds(tensor, { name, limit, param: `${param}.data` });
  }
}

interface IdRange {
  readonly name: string;
  readonly limit: number;
  readonly param: string;
}

async function checkIds(tensor: TensorData, { name, limit, param }: IdRange): Promise<void> {
  const ids = typedArray(tensor);
  const pace = new Pace();
  for (let start = 0; start < ids.length; start += elementsPerSlice) {
    for (let i = start; i < Math.min(ids.length, start + elementsPerSlice); i++) {
      const id = ids[i] ?? 0;
      if (id >= 0 && id < limit) continue;
      const problem = `${name} takes ids from 0 to ${limit - 1}, got ${id} at ${i}`;
      throw new EspalierError('REQUEST_INVALID', { param, problem });
    }
    const turn = pace.step();
    if (turn) await turn;
  }
}
