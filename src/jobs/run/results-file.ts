import { z } from 'zod';

const metrics = z.object({
  step: z.number(),
  loss: z.number().nullable(),
  learningRate: z.number(),
  targetTokens: z.number(),
  evalLoss: z.number().nullable().optional(),
});

/** The metrics of a training as a table, whose first columns are those of OpenAI's results files. @param lines  `metrics.jsonl` */
export function resultsTable(lines: string): string {
  const rows = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => metrics.parse(JSON.parse(line)))
    .map(({ step, loss, evalLoss, learningRate, targetTokens }) =>
      [step, loss ?? 'nan', evalLoss === undefined ? '' : (evalLoss ?? 'nan'), learningRate, targetTokens].join(','),
    );
  return `${['step,train_loss,valid_loss,learning_rate,target_tokens', ...rows].join('\n')}\n`;
}
