import { EspalierError, nearest } from '../../../core/index.ts';
import { integersField, refuseMask } from '../row-fields.ts';
import { invalid } from '../row.ts';
import { fromJson } from './read-turns.ts';
import type { RowFormat } from './row-format.ts';

const fields = ['input_ids', 'labels', 'attention_mask', 'token_type_ids', 'length'];

/** Rows that a tokenizer has seen. */
export const tokensFormat: RowFormat = {
  description: '"input_ids" (with "labels" or without)',
  fits: (row) => 'input_ids' in row,
  fields,
  read(row, place) {
    const given = { input_ids: fromJson(row['input_ids']), labels: fromJson(row['labels']) };
    const inputIds = integersField(given, 'input_ids', place);
    refuseMask(fromJson(row['attention_mask']), place);
    if (!('labels' in row)) {
      // WHY only here: `labels` decides what is learned, and with a misspelt one all tokens would be.
      const misspelt = Object.keys(row).find((key) => !fields.includes(key) && nearest(key, ['labels']));
      if (misspelt === undefined) return { kind: 'tokens', inputIds };
      const problem = `unknown key "${misspelt}". Did you mean "labels"?`;
      throw new EspalierError('DATA_ROW_UNKNOWN', { ...place, problem });
    }
    const labels = integersField(given, 'labels', place);
    if (labels.length === inputIds.length) return { kind: 'tokens', inputIds, labels };
    const lengths = `${labels.length} labels for ${inputIds.length} input_ids`;
    throw invalid(place, `it has ${lengths}. Give one label a token, -100 where it does not count.`);
  },
};
