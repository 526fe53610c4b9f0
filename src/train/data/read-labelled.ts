import { EspalierError } from '../../core/index.ts';
import { encodeLabelledRow, type LabelledRowOptions } from './encode-labelled-row.ts';
import { encodeTokenRow } from './encode-token-row.ts';
import { targetsOf, type LabelledExample, type LabelTarget } from './labelled-example.ts';
import type { DataAccount } from './data-account.ts';
import { indexRows } from './indexed-rows.ts';
import { namesOf } from './read-rows.ts';
import { invalid, type RowPlace } from './row.ts';
import { UnknownFields } from './unknown-fields.ts';
import type { RowSource } from './row-source.ts';

export interface ReadLabelledOptions extends LabelledRowOptions {
  /** The kind of label that the rows must have, for example that of other rows. undefined: the kind of the first row. */
  readonly kind?: LabelTarget['kind'] | undefined;
  /** Number of axes of the base's result after the batch axis; undefined if it is unknown. */
  readonly outputShape: readonly (number | string | undefined)[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LabelledDataset {
  readonly kind: LabelTarget['kind'];
  readonly rows: RowSource<LabelledExample>;
  readonly account: DataAccount;
  /** Whether a row has more than one segment. */
  readonly hasSegments: boolean;
}

/**
 * Reads files of labelled rows. Rows are read again when they are needed. Either all rows have labels, or all have targets.
 *
 * @throws EspalierError FILE_NOT_FOUND, DATA_FILE_INVALID, DATA_NOT_UTF8, DATA_JSON_BROKEN, DATA_EMPTY, and those of `encodeLabelledRow`
 */
export async function readLabelled(
  paths: string | readonly string[],
  options: ReadLabelledOptions,
): Promise<LabelledDataset> {
  let { kind } = options;
  let [tokens, targets, truncated, hasSegments, isCut] = [0, 0, 0, false, false];
  let first: LabelledExample | undefined;
  let isFirst = true;
  const unknownFields = new UnknownFields();
  const encode = options.base.perToken === true ? encodeTokenRow : encodeLabelledRow;
  const rows = await indexRows<LabelledExample>(paths, {
    encode: (value, place) => {
      const { example, cut, unknown } = encode(value, place, options);
      if (isFirst) for (const field of unknown) unknownFields.note(field, place);
      isCut = cut;
      return [example];
    },
    accept: (example, place) => {
      checkTarget(example.target, place, { ...options, kind });
      checkInputs(example, place, first);
      first ??= example;
      kind = example.target.kind;
      if (isCut) truncated++;
      targets += targetsOf(example);
      tokens += example.kind === 'tokens' ? example.inputIds.length : 0;
      hasSegments ||= example.kind === 'tokens' && example.typeIds !== undefined;
      return true;
    },
    lengthOf: labelledLength,
    bytesOf,
    signal: options.signal,
  });
  isFirst = false;
  if (kind === undefined || rows.count === 0) {
    await rows[Symbol.asyncDispose]();
    throw new EspalierError('DATA_EMPTY', { path: namesOf(paths) });
  }
  const { count } = rows;
  const account = {
    rows: count,
    examples: count,
    tokens,
    supervisedTokens: targets,
    dropped: 0,
    truncated,
    passedOver: 0,
    withoutEnd: 0,
    formats: {},
    unknownFields: unknownFields.list(),
  };
  return { kind, rows, account, hasSegments };
}

/** Tokens of a row; 1 where rows are not made of tokens. */
export function labelledLength(example: LabelledExample): number {
  return example.kind === 'tokens' ? example.inputIds.length : 1;
}

function bytesOf(example: LabelledExample): number {
  const objects = 300;
  if (example.kind === 'tokens') return objects + example.inputIds.byteLength + (example.typeIds?.byteLength ?? 0);
  return [...example.inputs.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, objects);
}

function checkTarget(target: LabelTarget, place: RowPlace, { kind, outputShape }: ReadLabelledOptions): void {
  if (kind !== undefined && target.kind !== kind) {
    const [has, have] = target.kind === 'numbers' ? ['a target', 'labels'] : ['a label', 'targets'];
    throw invalid(place, `it has ${has}, where the rows before it have ${have}.`);
  }
  // Labels of tokens were compared with the tokens.
  if (outputShape === undefined || target.kind === 'tokens') return;
  const given = target.kind === 'classes' ? undefined : target.shape;
  if (given === undefined) {
    if (outputShape.length === 1 && outputShape[0] !== 1) return;
    throw invalid(
      place,
      `a label needs a base that gives a number for each of several classes; this one gives ${shown(outputShape)}. Give "target".`,
    );
  }
  const fits =
    given.length === outputShape.length && outputShape.every((dim, i) => typeof dim !== 'number' || dim === given[i]);
  // A single number may stand for a list of one.
  if (fits || (given.length === 0 && outputShape.length === 1 && outputShape[0] === 1)) return;
  throw invalid(place, `"target" must be ${shown(outputShape)} as the base's result, got ${shown(given)}.`);
}

/** Rows of tensors are joined into a batch, so they must have the same shape. */
function checkInputs(example: LabelledExample, place: RowPlace, first: LabelledExample | undefined): void {
  if (example.kind !== 'tensors' || first?.kind !== 'tensors') return;
  for (const [name, { shape }] of example.inputs) {
    const before = first.inputs.get(name)?.shape ?? [];
    if (before.join() === shape.join()) continue;
    throw invalid(
      place,
      `the input "${name}" is ${shown(shape)}, and ${shown(before)} in the first row. Give all rows one shape.`,
    );
  }
}

function shown(shape: readonly (number | string | undefined)[]): string {
  return `[${shape.map((dim) => dim ?? 'any').join(', ')}]`;
}
