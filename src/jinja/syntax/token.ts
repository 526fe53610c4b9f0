/** A token of a template. `name` tokens include the keywords. */
export interface Token {
  readonly type: TokenType;
  /** The text of a name, an operator or data, and what a string stands for. */
  readonly text: string;
  /** What an `integer` or `float` stands for. */
  readonly number?: bigint | number;
  readonly line: number;
}

export type TokenType =
  | 'data'
  | 'variable_begin'
  | 'variable_end'
  | 'block_begin'
  | 'block_end'
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  | 'operator'
  | 'eof';

/** How an error message names a token. */
export function describe({ type, text }: Token): string {
  if (type === 'eof') return 'the end of the template';
  if (type === 'variable_end') return '}}';
  return type === 'block_end' ? '%}' : text;
}
