import { inputTypes } from '../../models/index.ts';
import type { CommandDefinition } from '../command.ts';
import { declarePredictOptions, predictRows } from '../predict-rows.ts';

/** `espalier embed`: computes the vector of a text. */
export const embedCommand: CommandDefinition = {
  name: 'embed',
  summary: 'Turns texts into vectors.',
  examples: [
    'espalier embed --base models/minilm --text "A tree along a wall" --json',
    'espalier embed --base models/e5 --input-type query --text "How tall is it?" --json',
    'espalier embed --base models/minilm --adapter adapters/gardens --file rows.jsonl --json',
  ],
  configure: (command) => {
    declarePredictOptions(command);
    command
      .option('--prompt-name <name>', 'puts this prompt of the base before every text')
      .option('--input-type <type>', `puts the prompt for such texts before every text: ${inputTypes.join(', ')}`);
  },
  run: async (options, context) => {
    const { results } = await predictRows('embedding', options, context);
    for (const vector of results) {
      const embedding = [...vector];
      context.output.answer({ embedding }, () => embedding.map((value) => value.toPrecision(7)).join(' '));
    }
  },
};
