import type { Codebook } from '../codebook';
import { logicFunctions } from './logic-functions';
import { compare, numberOrBlank, toNumber, truthy, type LogicValue } from './logic-value';
import { readReference, type Place } from './references';
import { LogicFault, tokenize, type Token } from './tokenize';

type Expression = (place: Place) => LogicValue;

/** An expression of REDCap's logic, read. */
export interface Logic {
  /** Its value at a place. */
  value: Expression;
  /** Names of the fields it looks at. */
  fields: ReadonlySet<string>;
}

/**
 * Reads an expression of REDCap's logic: filters, branching, calculations. Throws `LogicFault` where it cannot be read or names a
 * field or function that there is none of.
 */
export function readLogic(logic: string, codebook: Codebook): Logic {
  const parser = new Parser(tokenize(logic), codebook);
  return { value: parser.parse(), fields: parser.fields };
}

class Parser {
  readonly fields = new Set<string>();
  private at = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly codebook: Codebook,
  ) {}

  parse(): Expression {
    const expression = this.either();
    if (this.at < this.tokens.length) throw new LogicFault();
    return expression;
  }

  private peek(): Token | undefined {
    return this.tokens[this.at];
  }

  private accept(kind: Token['kind'], ...texts: string[]): string | null {
    const token = this.peek();
    if (token === undefined || token.kind !== kind || !texts.includes(token.text)) return null;
    this.at += 1;
    return token.text;
  }

  private expect(sign: string): void {
    if (this.accept('sign', sign) === null) throw new LogicFault();
  }

  private either(): Expression {
    this.depth += 1;
    if (this.depth > 200) throw new LogicFault();
    let left = this.both();
    while (this.accept('word', 'or') !== null || this.accept('sign', '||') !== null) {
      const [a, b] = [left, this.both()];
      left = (place) => truthy(a(place)) || truthy(b(place));
    }
    this.depth -= 1;
    return left;
  }

  private both(): Expression {
    let left = this.negation();
    while (this.accept('word', 'and') !== null || this.accept('sign', '&&') !== null) {
      const [a, b] = [left, this.negation()];
      left = (place) => truthy(a(place)) && truthy(b(place));
    }
    return left;
  }

  private negation(): Expression {
    let count = 0;
    while (this.accept('word', 'not') !== null || this.accept('sign', '!') !== null) count += 1;
    const inner = this.comparison();
    return count % 2 === 1 ? (place) => !truthy(inner(place)) : inner;
  }

  private comparison(): Expression {
    return this.leftToRight(
      () => this.sum(),
      ['=', '<>', '!=', '<', '>', '<=', '>='],
      (sign, a, b) => {
        const operator = sign === '!=' ? '<>' : sign;
        return (place) => compare(a(place), b(place), operator, place.now);
      },
    );
  }

  private sum(): Expression {
    return this.leftToRight(
      () => this.product(),
      ['+', '-'],
      (operator, a, b) => {
        const sign = operator === '+' ? 1 : -1;
        return (place) => numberOrBlank(toNumber(a(place)) + sign * toNumber(b(place)));
      },
    );
  }

  private product(): Expression {
    return this.leftToRight(
      () => this.power(),
      ['*', '/'],
      (operator, a, b) => (place) => {
        const [x, y] = [toNumber(a(place)), toNumber(b(place))];
        return numberOrBlank(operator === '*' ? x * y : x / y);
      },
    );
  }

  /** Operators of one rank and what stands between them, joined from the left. */
  private leftToRight(
    operand: () => Expression,
    signs: readonly string[],
    join: (sign: string, a: Expression, b: Expression) => Expression,
  ): Expression {
    let left = operand();
    for (;;) {
      const sign = this.accept('sign', ...signs);
      if (sign === null) return left;
      left = join(sign, left, operand());
    }
  }

  private power(): Expression {
    const base = this.atom();
    if (this.accept('sign', '^') === null) return base;
    const exponent = this.atom();
    return (place) => numberOrBlank(toNumber(base(place)) ** toNumber(exponent(place)));
  }

  private atom(): Expression {
    let minus = 0;
    while (this.accept('sign', '-') !== null) minus += 1;
    const inner = this.plainAtom();
    return minus % 2 === 1 ? (place) => numberOrBlank(-toNumber(inner(place))) : inner;
  }

  private plainAtom(): Expression {
    const token = this.peek();
    if (token === undefined) throw new LogicFault();
    this.at += 1;
    if (token.kind === 'text') return () => token.text;
    if (token.kind === 'number') return () => Number(token.text);
    if (token.kind === 'field') return this.reference(token.text);
    if (token.kind === 'sign' && token.text === '(') {
      const inner = this.either();
      this.expect(')');
      return inner;
    }
    if (token.kind !== 'word') throw new LogicFault();
    if (token.text === 'true' || token.text === 'false') return () => token.text === 'true';
    if (token.text === 'today' || token.text === 'now') return () => token.text;
    return this.call(token.text);
  }

  private call(name: string): Expression {
    const known = logicFunctions.get(name);
    if (known === undefined) throw new LogicFault();
    this.expect('(');
    const parts: Expression[] = [];
    if (this.accept('sign', ')') === null) {
      do parts.push(this.either());
      while (this.accept('sign', ',') !== null);
      this.expect(')');
    }
    const { missingCodes } = this.codebook;
    return (place) =>
      known(
        parts.map((part) => part(place)),
        { now: place.now, missingCodes },
      );
  }

  private reference(first: string): Expression {
    const brackets = {
      peek: () => (this.peek()?.kind === 'field' ? this.peek()!.text : undefined),
      take: () => void (this.at += 1),
    };
    return readReference(this.codebook, first, brackets, this.fields);
  }
}
