/** Logic that cannot be read. */
export class LogicFault extends Error {}

/** One piece of an expression. */
export interface Token {
  kind: 'word' | 'text' | 'number' | 'sign' | 'field';
  text: string;
}

const tokenPattern =
  /\s+|(?:\/\/|#)[^\n]*|"([^"]*)"|'([^']*)'|(\d+\.?\d*|\.\d+)|\[([^\]]*)\]|(<>|!=|<=|>=|&&|\|\||[-+*/^=<>(),!])|([A-Za-z_][A-Za-z_0-9]*)/y;

/** The pieces of an expression, without blanks and comments. Throws `LogicFault`. */
export function tokenize(logic: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < logic.length) {
    const match = tokenPattern.exec(logic);
    if (match === null) throw new LogicFault();
    const [, double, single, number, field, sign, word] = match;
    if (double !== undefined || single !== undefined) tokens.push({ kind: 'text', text: double ?? single ?? '' });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (field !== undefined) tokens.push({ kind: 'field', text: field.trim() });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word.toLowerCase() });
    if (tokens.length > 5000) throw new LogicFault();
  }
  return tokens;
}
