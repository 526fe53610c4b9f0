import { stringField } from '../row-fields.ts';
import type { RowFormat } from './row-format.ts';

export const textFormat: RowFormat = {
  description: '"text"',
  fits: (row) => 'text' in row,
  fields: ['text'],
  read: (row, place) => ({ kind: 'text', text: stringField(row, 'text', place) }),
};
