import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
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
 * @throws EspalierError MODEL_CONFIG_INVALID if the numbers have gaps, MODEL_FEATURE_UNSUPPORTED for multi-label classification
 */
export function readLabels(json: unknown, path: string): readonly string[] {
  const { id2label, num_labels: count = 2, problem_type: problem } = parseWith(labelsJson, json, path);
  if (problem === 'multi_label_classification') {
    const supported = 'single_label_classification, regression';
    refuseFeature(path, { feature: 'problem_type', value: problem, supported });
  }
  if (!id2label) return Array.from({ length: count ?? 2 }, (_, i) => `LABEL_${i}`);
  const names = Array.from({ length: Object.keys(id2label).length }, (_, i) => id2label[String(i)]);
  if (names.length > 0 && names.every((name) => name !== undefined)) return names;
  const problems = `id2label should number its labels from 0 without a gap, and has ${Object.keys(id2label).join(', ')}`;
  throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
}
