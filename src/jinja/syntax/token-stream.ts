import { EspalierError } from '../../core/index.ts';
import { describe, type Token, type TokenType } from './token.ts';

/** How deep expressions and blocks may lie in one another. */
const deepestNesting = 150;

/** The tokens of a template, read one by one. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[this.#at] ?? { type: 'eof', text: '', line: 1 };
  }

  get following(): Token {
    return this.#tokens[this.#at + 1] ?? { type: 'eof', text: '', line: 1 };
  }

  next(): Token {
    const token = this.current;
    this.#at += 1;
    return token;
  }

  is(type: TokenType, text?: string): boolean {
    return this.current.type === type && (text === undefined || this.current.text === text);
  }

  isOperator(...signs: string[]): boolean {
    return this.current.type === 'operator' && signs.includes(this.current.text);
  }

  isName(...names: string[]): boolean {
    return this.current.type === 'name' && names.includes(this.current.text);
  }

  /** Reads the token if it is the one that is named. */
  skip(type: TokenType, text?: string): boolean {
    const isThere = this.is(type, text);
    if (isThere) this.#at += 1;
    return isThere;
  }

  expect(type: TokenType, text?: string): Token {
    if (this.is(type, text)) return this.next();
    return this.fail(`expected ${text ?? describe({ type, text: type, line: 0 })}, found '${describe(this.current)}'`);
  }

  /** Reads something that may lie inside itself. */
  nested<Result>(read: () => Result): Result {
    this.#depth += 1;
    if (this.#depth > deepestNesting) this.fail(`expressions or blocks lie more than ${deepestNesting} deep`);
    const result = read();
    this.#depth -= 1;
    return result;
  }

  /** @throws EspalierError TEMPLATE_INVALID */
  fail(problem: string, line = this.current.line): never {
    throw new EspalierError('TEMPLATE_INVALID', { line, problem });
  }
}
