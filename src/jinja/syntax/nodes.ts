import type { Operator } from '../values/arithmetic.ts';
import type { Order } from '../values/compare.ts';

/** An expression of a template. `line` is where it begins. */
export type Expression =
  | { readonly kind: 'constant'; readonly value: null | boolean | bigint | number | string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly pairs: readonly (readonly [key: Expression, value: Expression])[] }
  | { readonly kind: 'attribute'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly of: Expression; readonly key: Expression }
  | { readonly kind: 'slice'; readonly parts: readonly (Expression | undefined)[] }
  | Call
  | Applied
  | { readonly kind: 'operator'; readonly operator: Operator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'concatenate'; readonly parts: readonly Expression[] }
  | { readonly kind: 'sign'; readonly sign: '-' | '+'; readonly of: Expression }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'compare'; readonly first: Expression; readonly rest: readonly Comparison[] }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly whenTrue: Expression;
      readonly otherwise: Expression | undefined;
      readonly line: number;
    };

export interface Call {
  readonly kind: 'call';
  readonly of: Expression;
  readonly args: CallArguments;
  readonly line: number;
}

/** A filter or a test. A filter without `of` is that of a `filter` block or of a `set` block. */
export interface Applied {
  readonly kind: 'filter' | 'test';
  readonly of: Expression | undefined;
  readonly name: string;
  readonly args: CallArguments;
  readonly line: number;
}

export interface CallArguments {
  readonly positional: readonly Expression[];
  readonly keywords: readonly (readonly [name: string, value: Expression])[];
  /** `*values` */
  readonly spread: Expression | undefined;
  /** `**values` */
  readonly spreadKeywords: Expression | undefined;
}

export interface Comparison {
  readonly operator: 'eq' | 'ne' | Order | 'in' | 'notin';
  readonly right: Expression;
}

/** What a value is assigned to. */
export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'attribute'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'tuple'; readonly items: readonly Target[] };

/** The parameters of a macro or of a `call` block. */
export interface Signature {
  readonly names: readonly string[];
  /** Those of the last parameters. */
  readonly defaults: readonly Expression[];
}

export type Statement = { readonly line: number } & (
  | { readonly kind: 'data'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | { readonly kind: 'set-block'; readonly target: Target; readonly filter: Applied | undefined; readonly body: Body }
  | { readonly kind: 'if'; readonly branches: readonly Branch[]; readonly otherwise: Body }
  | ForLoop
  | { readonly kind: 'break' | 'continue' }
  | { readonly kind: 'macro'; readonly name: string; readonly signature: Signature; readonly body: Body }
  | { readonly kind: 'call-block'; readonly call: Call; readonly signature: Signature; readonly body: Body }
  | { readonly kind: 'filter-block'; readonly filter: Applied; readonly body: Body }
  | { readonly kind: 'with'; readonly assigned: readonly (readonly [Target, Expression])[]; readonly body: Body }
  | { readonly kind: 'generation'; readonly body: Body }
  | BlockStatement
);

export type Body = readonly Statement[];

export interface Branch {
  readonly test: Expression;
  readonly body: Body;
}

/** A part of the template with a name. Without templates that extend one another it is written where it stands. */
export interface BlockStatement {
  readonly kind: 'block';
  readonly name: string;
  /** Whether it sees the names of the loops and other scopes around. */
  readonly isScoped: boolean;
  /** Whether another template has to write it. */
  readonly isRequired: boolean;
  readonly body: Body;
}

export interface ForLoop {
  readonly kind: 'for';
  readonly target: Target;
  readonly items: Expression;
  readonly test: Expression | undefined;
  readonly isRecursive: boolean;
  readonly body: Body;
  readonly otherwise: Body;
}
