import { describe, expect, it } from 'vitest';

import { familyOf } from '../open-base-model.ts';
import { isClassifier } from './classifier.ts';
import { decoderFamilies } from './families/index.ts';

describe('isClassifier', () => {
  it.each(decoderFamilies.map(({ modelType, architecture }) => ({ modelType, architecture })))(
    'tells $architecture from the class that classifies',
    ({ modelType, architecture }) => {
      const stem = architecture.replace(/For(CausalLM|ConditionalGeneration)$|LMHeadModel$/, '');
      const [plain, headed] = [architecture, `${stem}ForSequenceClassification`].map((name) => ({
        model_type: modelType,
        architectures: [name],
      }));
      const family = familyOf(plain, 'config.json');
      expect(isClassifier(family, plain)).toBe(false);
      expect(isClassifier(family, headed)).toBe(true);
      expect(familyOf(headed, 'config.json')).toBe(family);
    },
  );

  it('is not sure of a configuration that names no class', () => {
    const family = familyOf({ model_type: 'llama' }, 'config.json');
    expect(isClassifier(family, { model_type: 'llama' })).toBe(false);
  });
});
