import { describe, expect, it } from 'vitest';
import { resultsTable } from './results-file.ts';

describe('the table of results', () => {
  it('tells a loss that was not finite from one that was not measured', () => {
    const line = { step: 1, loss: 2, learningRate: 0.1, targetTokens: 7 };
    const lines = [line, { ...line, step: 2, loss: NaN, evalLoss: NaN }, { ...line, step: 3, evalLoss: 1.5 }];
    expect(resultsTable(lines.map((each) => `${JSON.stringify(each)}\n`).join('')).split('\n')).toEqual([
      'step,train_loss,valid_loss,learning_rate,target_tokens',
      '1,2,,0.1,7',
      '2,nan,nan,0.1,7',
      '3,2,1.5,0.1,7',
      '',
    ]);
  });
});
