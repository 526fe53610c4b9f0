import { resultOf, tokenLabelsOf } from '../../evaluate/index.ts';
import type { CommandDefinition } from '../command.ts';
import { declarePredictOptions, predictRows } from '../predict-rows.ts';

/** `espalier classify`: finds the label of a text or of each of its tokens, or the numbers that a base without labels computes. */
export const classifyCommand: CommandDefinition = {
  name: 'classify',
  summary: 'Says which label of a classifier fits a text, or any other row.',
  examples: [
    'espalier classify --base models/sentiment --text "Not bad at all."',
    'espalier classify --base models/sentiment --adapter adapters/reviews --file rows.jsonl --json',
    'espalier classify --base models/bert --labels bad,good --adapter adapters/mood --text "Not bad at all."',
    'espalier classify --base models/pairs --text "It rains." --text-pair "The street is wet."',
  ],
  configure: (command) => {
    declarePredictOptions(command);
    command.option('--labels <names>', 'the classes of a head that an adapter brings to an encoder without one');
  },
  run: async (options, context) => {
    const { base, results, sources } = await predictRows('classification', options, context);
    for (const [row, logits] of results.entries()) {
      if (base.perToken === true) {
        const tokens = tokenLabelsOf(logits, { labels: base.labels ?? [], source: sources[row] });
        context.output.answer({ tokens }, () =>
          tokens
            .map(({ probability, label, text, token }) => `${probability.toFixed(4)}  ${label}  ${text ?? token}`)
            .join('\n'),
        );
        continue;
      }
      const answer = resultOf(logits, base);
      if ('values' in answer) {
        context.output.answer(answer, () => answer.values.map((value) => value.toPrecision(7)).join(' '));
        continue;
      }
      const chosen = [...answer.probabilities.entries()].sort(([, a], [, b]) => b - a).slice(0, 10);
      context.output.answer(answer, () =>
        chosen.map(([index, share]) => `${share.toFixed(4)}  ${base.labels?.[index] ?? index}`).join('\n'),
      );
    }
  },
};
