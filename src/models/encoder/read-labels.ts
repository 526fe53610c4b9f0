import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { BaseProblem } from '../base-model.ts';
import { parseWith } from '../parse-with.ts';
import { refuseFeature } from './read-fields.ts';

const labelsJson = z.looseObject({
  id2label: z.record(z.string(), z.string()).nullish(),
  num_labels: z.number().int().positive().nullish(),
  problem_type: z.string().nullish(),
});

/**
 * Reads the names of the classes of a head, in the order of its logits. They are `id2label`, or else LABEL_0, LABEL_1 and so on. As in
 * transformers, a configuration without a number of labels has 2.
 *
 * @throws EspalierError MODEL_CONFIG_INVALID if the numbers have gaps
 */
export function readLabels(json: unknown, path: string): readonly string[] {
  const { id2label, num_labels: count = 2 } = parseWith(labelsJson, json, path);
  if (!id2label) return Array.from({ length: count ?? 2 }, (_, i) => `LABEL_${i}`);
  const names = Array.from({ length: Object.keys(id2label).length }, (_, i) => id2label[String(i)]);
  if (names.length > 0 && names.every((name) => name !== undefined)) return names;
  const problems = `id2label should number its labels from 0 without a gap, and has ${Object.keys(id2label).join(', ')}`;
  throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
}

const problems: Readonly<Record<string, BaseProblem | undefined>> = {
  single_label_classification: undefined,
  multi_label_classification: 'multi-label',
  regression: 'regression',
};

/**
 * Reads what the numbers of a head mean. As in transformers, a head with one number is for regression unless the file says otherwise.
 *
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a problem that is not known
 */
export function readProblem(json: unknown, path: string): BaseProblem | undefined {
  const { problem_type: given } = parseWith(labelsJson, json, path);
  if (given === null || given === undefined) return readLabels(json, path).length === 1 ? 'regression' : undefined;
  if (Object.hasOwn(problems, given)) return problems[given];
  return refuseFeature(path, { feature: 'problem_type', value: given, supported: Object.keys(problems).join(', ') });
}
