import type { TensorData } from '../../tensor/index.ts';

/** A row of a text model. */
export interface TokenRow {
  readonly inputIds: ArrayLike<number>;
  /** The segment of each token. Default: all tokens belong to the first segment. */
  readonly typeIds?: ArrayLike<number> | undefined;
}

/** A row of any other model: a tensor for each of the base's inputs, without the batch axis. */
export interface TensorRow {
  readonly inputs: ReadonlyMap<string, TensorData>;
}

export type PredictRow = TokenRow | TensorRow;

/** The cost of a row in a batch, in tokens. */
export function lengthOf(row: PredictRow): number {
  return 'inputs' in row ? 1 : row.inputIds.length;
}

/** Collates rows to a batch. Tokens are padded on the right, with attention mask and segments. Other tensors are stacked. */
export function collateRows(rows: readonly PredictRow[], padTokenId: number): Record<string, TensorData> {
  const tokens = rows.filter((row): row is TokenRow => !('inputs' in row));
  const tensors = rows.flatMap((row) => ('inputs' in row ? [row.inputs] : []));
  return tokens.length > 0 ? tokenTensors(tokens, padTokenId) : stacked(tensors);
}

function tokenTensors(rows: readonly TokenRow[], padTokenId: number): Record<string, TensorData> {
  const seq = Math.max(...rows.map(({ inputIds }) => inputIds.length));
  const shape = [rows.length, seq];
  const table = (at: (row: TokenRow, i: number) => number): TensorData => {
    const values = new BigInt64Array(rows.length * seq);
    rows.forEach((row, r) => {
      for (let i = 0; i < seq; i++) values[r * seq + i] = BigInt(at(row, i));
    });
    return { dtype: 'int64', shape, bytes: new Uint8Array(values.buffer) };
  };
  return {
    input_ids: table(({ inputIds }, i) => inputIds[i] ?? padTokenId),
    attention_mask: table(({ inputIds }, i) => (i < inputIds.length ? 1 : 0)),
    token_type_ids: table(({ typeIds }, i) => typeIds?.[i] ?? 0),
  };
}

/** Stacks tensors along a new first axis. All rows have the same shape. */
function stacked(rows: readonly ReadonlyMap<string, TensorData>[]): Record<string, TensorData> {
  return Object.fromEntries(
    [...(rows[0] ?? [])].map(([name, { dtype, shape }]) => {
      const bytes = Buffer.concat(rows.map((inputs) => inputs.get(name)?.bytes ?? new Uint8Array()));
      return [name, { dtype, shape: [rows.length, ...shape], bytes }];
    }),
  );
}
