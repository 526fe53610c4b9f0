import type { Body, Branch, Expression, Signature, Statement, Target } from './nodes.ts';
import { tokenize } from './lexer.ts';
import { parseExpression, parseFilter, parseTuple } from './parse-expression.ts';
import { describe, type Token } from './token.ts';
import { TokenStream } from './token-stream.ts';

export interface ParsedTemplate {
  readonly body: Body;
  /** Whether `{% generation %}` occurs. */
  readonly hasGenerations: boolean;
}

/** @throws EspalierError TEMPLATE_INVALID */
export function parseTemplate(source: string): ParsedTemplate {
  const parser = new TemplateParser(new TokenStream(tokenize(source)));
  const body = parser.parse();
  return { body, hasGenerations: parser.hasGenerations };
}

/** Tags of Jinja2 that need other templates, or that chat templates have no use for. */
const refusedTags: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['extends', 'include', 'import', 'from'].map((tag) => [tag, 'a chat template has no other template beside it']),
  ),
  autoescape: 'a prompt is no HTML; the filter escape changes one value',
};

class TemplateParser {
  readonly #stream: TokenStream;
  /** How many loops are around, inside the innermost macro, `call` or `generation`. `break` outside of one is an error. */
  #loops = 0;
  hasGenerations = false;
  readonly #blocks = new Set<string>();

  constructor(stream: TokenStream) {
    this.#stream = stream;
  }

  parse(): Body {
    const body = this.#body([]);
    return this.#stream.is('eof') ? body : this.#stream.fail(`unexpected '${describe(this.#stream.current)}'`);
  }

  /** Reads statements up to a tag of `ends`, whose name is then the current token. */
  #body(ends: readonly string[]): Statement[] {
    const stream = this.#stream;
    const body: Statement[] = [];
    for (;;) {
      const { type, text, line } = stream.current;
      if (type === 'eof') {
        if (ends.length > 0) stream.fail(`the template ends where ${ends.join(' or ')} was expected`);
        return body;
      }
      stream.next();
      if (type === 'data') body.push({ kind: 'data', text, line });
      else if (type === 'variable_begin') {
        body.push({ kind: 'print', value: parseTuple(stream), line });
        stream.expect('variable_end');
      } else {
        if (stream.isName(...ends)) return body;
        body.push(...stream.nested(() => this.#statement()));
        stream.expect('block_end');
      }
    }
  }

  /** Reads the statements inside a tag, up to the name of the tag that ends them. */
  #inside(...ends: string[]): Body {
    this.#stream.skip('operator', ':');
    this.#stream.expect('block_end');
    return this.#body(ends);
  }

  /** Reads the statements inside a tag and the tag that ends them. */
  #until(end: string): Body {
    const body = this.#inside(end);
    this.#stream.next();
    return body;
  }

  #statement(): Statement[] {
    const token = this.#stream.expect('name');
    const { line } = token;
    switch (token.text) {
      case 'if':
        return [this.#if(line)];
      case 'for':
        return [this.#for(line)];
      case 'set':
        return [this.#set(line)];
      case 'macro':
        return [this.#macro(line)];
      case 'call':
        return [this.#call(line)];
      case 'filter': {
        const filter = parseFilter(this.#stream, undefined, true);
        return [{ kind: 'filter-block', filter, body: this.#until('endfilter'), line }];
      }
      case 'with':
        return [this.#with(line)];
      case 'print':
        return this.#print(line);
      case 'generation':
        this.hasGenerations = true;
        return [{ kind: 'generation', body: this.#apart(() => this.#until('endgeneration')), line }];
      case 'block':
        return [this.#block(line)];
      case 'break':
      case 'continue':
        if (this.#loops === 0) this.#stream.fail(`{% ${token.text} %} is not inside a loop`, line);
        return [{ kind: token.text, line }];
      default:
        return this.#unknown(token);
    }
  }

  #unknown({ text, line }: Token): never {
    const reason = Object.hasOwn(refusedTags, text) ? refusedTags[text] : undefined;
    if (reason !== undefined) return this.#stream.fail(`the tag {% ${text} %} is not supported: ${reason}`, line);
    return this.#stream.fail(`there is no tag {% ${text} %} here`, line);
  }

  /** Reads a body that is no part of the loops around it. */
  #apart<Result>(read: () => Result): Result {
    const loops = this.#loops;
    this.#loops = 0;
    const result = read();
    this.#loops = loops;
    return result;
  }

  #if(line: number): Statement {
    const branches: Branch[] = [];
    for (;;) {
      const test = parseTuple(this.#stream, { withCondition: false });
      branches.push({ test, body: this.#inside('elif', 'else', 'endif') });
      const { text } = this.#stream.next();
      if (text === 'elif') continue;
      return { kind: 'if', branches, otherwise: text === 'else' ? this.#until('endif') : [], line };
    }
  }

  #for(line: number): Statement {
    const stream = this.#stream;
    const target = this.#localTarget('in');
    stream.expect('name', 'in');
    const items = parseTuple(stream, { withCondition: false, until: 'recursive' });
    const test = stream.skip('name', 'if') ? parseExpression(stream) : undefined;
    const isRecursive = stream.skip('name', 'recursive');
    this.#loops += 1;
    const body = this.#inside('endfor', 'else');
    this.#loops -= 1;
    const otherwise = stream.next().text === 'else' ? this.#until('endfor') : [];
    return { kind: 'for', target, items, test, isRecursive, body, otherwise, line };
  }

  #set(line: number): Statement {
    const target = this.#target();
    if (this.#stream.skip('operator', '=')) {
      return { kind: 'set', target, value: parseTuple(this.#stream), line };
    }
    const filter = this.#stream.isOperator('|') ? parseFilter(this.#stream, undefined) : undefined;
    return { kind: 'set-block', target, filter, body: this.#until('endset'), line };
  }

  #macro(line: number): Statement {
    const name = this.#stream.expect('name').text;
    const signature = this.#signature();
    return { kind: 'macro', name, signature, body: this.#apart(() => this.#until('endmacro')), line };
  }

  #call(line: number): Statement {
    const signature = this.#stream.isOperator('(') ? this.#signature() : { names: [], defaults: [] };
    const call = parseExpression(this.#stream);
    if (call.kind !== 'call') return this.#stream.fail('{% call %} needs a call', line);
    return { kind: 'call-block', call, signature, body: this.#apart(() => this.#until('endcall')), line };
  }

  #with(line: number): Statement {
    const assigned: (readonly [Target, Expression])[] = [];
    while (!this.#stream.is('block_end')) {
      if (assigned.length > 0) this.#stream.expect('operator', ',');
      const target = this.#localTarget();
      this.#stream.expect('operator', '=');
      assigned.push([target, parseExpression(this.#stream)]);
    }
    return { kind: 'with', assigned, body: this.#until('endwith'), line };
  }

  #block(line: number): Statement {
    const stream = this.#stream;
    const name = stream.expect('name').text;
    if (this.#blocks.has(name)) stream.fail(`block '${name}' is defined twice`, line);
    this.#blocks.add(name);
    const isScoped = stream.skip('name', 'scoped');
    const isRequired = stream.skip('name', 'required');
    const body = this.#apart(() => this.#until('endblock'));
    stream.skip('name', name);
    const isEmpty = body.every((one) => one.kind === 'data' && one.text.trim() === '');
    if (isRequired && !isEmpty) stream.fail('a required block can only contain comments or white space', line);
    return { kind: 'block', name, isScoped, isRequired, body, line };
  }

  #print(line: number): Statement[] {
    const printed: Statement[] = [];
    while (!this.#stream.is('block_end')) {
      if (printed.length > 0) this.#stream.expect('operator', ',');
      printed.push({ kind: 'print', value: parseExpression(this.#stream), line });
    }
    return printed;
  }

  #signature(): Signature {
    const names: string[] = [];
    const defaults: Expression[] = [];
    this.#stream.expect('operator', '(');
    while (!this.#stream.isOperator(')')) {
      if (names.length > 0) this.#stream.expect('operator', ',');
      names.push(this.#storedName());
      if (this.#stream.skip('operator', '=')) defaults.push(parseExpression(this.#stream));
      else if (defaults.length > 0) this.#stream.fail('a parameter without a default follows one with a default');
    }
    this.#stream.expect('operator', ')');
    return { names, defaults };
  }

  /** Reads a target that is no attribute of a namespace. */
  #localTarget(until?: string): Target {
    const target = this.#target(until);
    return isLocal(target) ? target : this.#stream.fail('only {% set %} can change a namespace');
  }

  /** Reads what a value is assigned to: names with commas between them, as deep as parentheses go. */
  #target(until?: string): Target {
    const items: Target[] = [];
    let isTuple = false;
    const isEnd = (): boolean =>
      this.#stream.is('block_end') ||
      this.#stream.isOperator(')', '=') ||
      (until !== undefined && this.#stream.isName(until));
    while (!isEnd()) {
      items.push(this.#singleTarget());
      if (!this.#stream.skip('operator', ',')) break;
      isTuple = true;
    }
    const [only] = items;
    if (only === undefined) return this.#stream.fail(`expected a name, found '${describe(this.#stream.current)}'`);
    return isTuple ? { kind: 'tuple', items } : only;
  }

  #singleTarget(): Target {
    if (this.#stream.skip('operator', '(')) {
      const inside = this.#stream.nested(() => this.#target());
      this.#stream.expect('operator', ')');
      return inside;
    }
    const { following } = this.#stream;
    if (following.type !== 'operator' || following.text !== '.') return { kind: 'name', name: this.#storedName() };
    const namespace = this.#stream.expect('name').text;
    this.#stream.next();
    return { kind: 'attribute', namespace, name: this.#stream.expect('name').text };
  }

  #storedName(): string {
    const { text } = this.#stream.expect('name');
    const isConstant = ['true', 'false', 'none', 'True', 'False', 'None'].includes(text);
    return isConstant ? this.#stream.fail(`a value cannot be assigned to ${text}`) : text;
  }
}

function isLocal(target: Target): boolean {
  return target.kind === 'name' || (target.kind === 'tuple' && target.items.every(isLocal));
}
