import type { Sender } from '../senders/senders';

/**
 * What a reply is: a keyword of the provider (`stop`, `start`, `help`), a wish in other words not to be texted (`asked-to-stop`), the
 * answer of a machine, or a text for a person to read.
 */
export type ReplyKind = 'stop' | 'start' | 'help' | 'asked-to-stop' | 'machine' | 'text';

/** The provider's own words, alone in a text (messaging.md §4). A toll-free number's are the carriers'; of a short code we keep them ourselves. */
const keywords: Record<'full' | 'tollfree', Record<'stop' | 'start' | 'help', ReadonlySet<string>>> = {
  full: {
    stop: new Set(['STOP', 'STOPALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'REVOKE', 'OPTOUT']),
    start: new Set(['START', 'YES', 'UNSTOP']),
    help: new Set(['HELP', 'INFO']),
  },
  tollfree: { stop: new Set(['STOP']), start: new Set(['START', 'UNSTOP']), help: new Set() },
};

/** Any reasonable wording counts as a revocation (messaging.md §4), so these are wide: a person decides. Matched without accents. */
const wishes: readonly RegExp[] = [
  // the words of the rule, with at most a few others around them
  /^(\W*(please|pls|plz|ok|no|just|now|hey|hi|hello|text|texts|texting|messages?|sms|all|the|me|my|por|favor)\W+)*(stop|stopall|quit|end|revoke|cancel|unsubscribe|opt\s*-?\s*out|alto|basta|parar|pare|paren|cancelar|cancele)(\W+(please|pls|plz|it|now|this|that|all|the|these|texts?|texting|messages?|messaging|sms|me|thanks|thank|you|ya|por|favor|mensajes?|textos?|los|esto))*\W*$/,
  /\b(stop|quit|cease|end|no more)\b.{0,20}\b(text|txt|messag|sms|contact|send|bother|writ)/,
  /\b(don ?'?t|do not|dont|never|not)\b.{0,15}\b(text|txt|messag|sms|contact|send|writ)/,
  /\b(remove|delete|take|drop)\b.{0,12}\b(me|my (number|phone|name))\b/,
  /\b(unsubscribe|opt(ing)? out|opt me out|leave me alone|stop it|not interested|no longer (want|wish|interested))\b/,
  /\b(wrong (number|person)|who is this)\b/,
  /\bno (me )?(mande|manden|mandes|envie|envien|envies|escriba|escriban|escribas|moleste|molesten|molestes|contacte|contacten|textee|texteen)\b/,
  /\b(ya )?no (quiero|deseo)\b/,
  /\bno mas (textos?|mensajes?|sms)\b/,
  /\b(deje|dejen|deja|pare|paren|para)\b.{0,4}\bde\b.{0,6}\b(mandar|enviar|escribir|molestar|textear)/,
  /\b(borre|borren|borrar|borreme|borrenme|quite|quiten|quiteme|quitenme|elimine|eliminen|elimineme|saque|saquen|saqueme)\b/,
  /\b(dar(me)? de baja|deme de baja|denme de baja|dejeme en paz|dejenme en paz|numero equivocado)\b/,
];

/** What phones and mailboxes say by themselves. */
const machines: readonly RegExp[] = [
  /\bauto(matic|matica|matico|mated|matizada|matizado)?\b.{0,3}\b(reply|response|message|respuesta|mensaje)/,
  /\b(respuesta|mensaje) automatic/,
  /\bout of (the )?office\b/,
  /\bi'?m driving\b|\bi am driving\b|\bdriving (with|mode)\b|\bestoy (conduciendo|manejando)\b/,
  /\b(do not|don'?t) reply\b|\bno-?reply\b|\bno responda\b/,
  /\bthis (number|mailbox) (is|does) not\b|\bnot monitored\b|\bunmonitored\b/,
  /\byou have successfully been (un|re-)subscribed\b|^network msg:/,
  /\breply stop to\b|\bmsg\s*&\s*data rates\b/,
];

/** Reads a reply. `more`: phrases of the settings that mean the same as a wish to stop. */
export function classifyReply(kind: Sender['kind'], body: string, more: readonly string[] = []): ReplyKind {
  const word = body.trim().toUpperCase();
  const own = keywords[kind === 'tollfree' ? 'tollfree' : 'full'];
  for (const name of ['stop', 'start', 'help'] as const) if (own[name].has(word)) return name;
  const text = plain(body);
  if (machines.some((pattern) => pattern.test(text))) return 'machine';
  if (wishes.some((pattern) => pattern.test(text))) return 'asked-to-stop';
  if (more.some((phrase) => text.includes(plain(phrase)))) return 'asked-to-stop';
  return 'text';
}

/** Lower case, without accents, curly quotes and doubled blanks. */
function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[‘’]/g, "'").toLowerCase().replace(/\s+/g, ' ').trim();
}
