import { describe, expect, it } from 'vitest';
import { EspalierError } from './errors.ts';
import { option, optionList, optionText } from './option-text.ts';

describe('EspalierError', () => {
  it('keeps a list as a list, and joins it in the message', () => {
    const error = new EspalierError('MODEL_CONFIG_INVALID', { path: 'config.json', problems: ['no rank', 'no alpha'] });
    expect(error.details['problems']).toEqual(['no rank', 'no alpha']);
    expect(error.message).toContain('no rank; no alpha');
  });

  it('names options as the reader knows them', () => {
    const second = optionText('no ', option('evalData'));
    const error = new EspalierError('TRAIN_CONFIG_CONFLICT', { first: option('evalSteps'), second, reason: 'why' });
    expect(error.message).toBe('evalSteps and no evalData contradict each other: why.');
    expect(error.commandLineMessage).toBe('--eval-steps and no --eval-data contradict each other: why.');
    expect(error.details).toEqual({ first: 'evalSteps', second: 'no evalData', reason: 'why' });
  });

  it('names options of the table too', () => {
    const details = { step: 3, learningRate: 1, seen: 'the loss is NaN', kept: 'Nothing was saved.' };
    const error = new EspalierError('TRAINING_DIVERGED', details);
    expect(error.message).toContain('Lower learningRate, give warmupSteps, or set maxGradNorm.');
    expect(error.commandLineMessage).toContain('Lower --learning-rate, give --warmup-steps, or set --max-grad-norm.');
  });

  it('can be worded anew, with its code and its cause', () => {
    const cause = new Error('why');
    const details = { path: '/copy/config.json', problems: ['/copy has no rank'] };
    const error = new EspalierError('MODEL_CONFIG_INVALID', details, { cause });
    const other = error.withText((text) => text.replaceAll('/copy', '/original'));
    expect([other.code, other.cause]).toEqual(['MODEL_CONFIG_INVALID', cause]);
    expect(other.details).toEqual({ path: '/original/config.json', problems: ['/original has no rank'] });
    expect(other.message).not.toContain('/copy');
    expect(error.message).toContain('/copy/config.json');
  });

  it('lists options with commas', () => {
    expect(optionList(['useDora', 'rank']).toFlags()).toBe('--use-dora, --rank');
  });
});
