import type { MessageLanguage, MessageTemplate, MessagingDefinition } from './define-messaging';
import { smsSegments } from './sms-segments';

/** What is wrong with a study's texts; `where` names template or reply and language. */
export interface MessagingProblem {
  rule: 'language' | 'field' | 'reserved-word' | 'segments' | 'identifier' | 'definition';
  where: string;
  sentence: string;
}

type Data = Record<string, string>;
type Body = (data: Data) => string;

/** messaging.md §4: a reply of one of these words subscribes or unsubscribes the person at the provider. */
const reserved =
  'STOP|STOPALL|UNSUBSCRIBE|CANCEL|END|QUIT|REVOKE|OPT ?OUT|START|YES|UNSTOP|HELP|INFO|' +
  // what the caregivers of the texting partner answer
  'SI|SÍ|ALTO|PARE|PARAR|CANCELAR|AYUDA';
const instruction = new RegExp(
  `(?<!\\p{L})(?:reply|text|send|answer|respond|type|write|say|responda|responde|conteste|contesta|env[ií]e|env[ií]a|mande|manda|escriba|escribe|diga)` +
    `(?:\\s+(?:with|back|us|the|word|con|la|palabra|a|o|or))*\\s+["“'‘«(]?(${reserved})(?!\\p{L})`,
  'giu',
);
/** In capitals it reads as an instruction wherever it stands. */
const shouted = new RegExp(`(?<!\\p{L})(${reserved})(?!\\p{L})`, 'gu');
/** The one thing that STOP may be named for: what it does. */
const saysWhatStopDoes =
  /(?<!\p{L})STOP (?:to (?:stop|end|opt out|unsubscribe|get no more)|para (?:no recibir|dejar de recibir|cancelar))(?!\p{L})/gu;

const unresolved = /undefined|\bnull\b|NaN|\[object|\$\{|\{\{|\}\}|<[a-z_]+>|\[[a-z_]+\]/;
const telephone = /\+?\d[\d\s().-]{8,}\d/;
const date = /\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}\/\d{1,2}\/\d{2,4})\b/;
const neverInText = /phone|mobile|birth|dob|e-?mail|address|record|ssn|mrn/i;
const providerLimit = 1600;

/**
 * Whether a study's texts may go out as they are (messaging.md §4 and §10): every language there, every field resolved, no
 * instruction that would unsubscribe who follows it, no more segments than intended, and nothing that identifies a person
 * but the names the study allows. Pure; a test runs it for every study.
 */
export function lintMessaging(definition: MessagingDefinition): MessagingProblem[] {
  return [
    ...Object.entries(definition.templates).flatMap(([name, template]) =>
      definition.languages.flatMap((language) => lintTemplate(name, template, language)),
    ),
    ...Object.entries(definition.templates).flatMap(([name, template]) => lintData(name, template)),
    ...Object.entries(definition.replies).flatMap(([name, texts]) =>
      definition.languages.flatMap((language) => lintReply(`reply ${name}, ${language}`, texts[language])),
    ),
    ...lintDefinition(definition),
  ];
}

function lintTemplate(name: string, template: MessageTemplate, language: MessageLanguage): MessagingProblem[] {
  const where = `${name}, ${language}`;
  const bodies: [string, Body | undefined][] = [[where, template.body[language]]];
  if (template.channel === 'email') bodies.push([`${where}, subject`, template.subject?.[language]]);
  return bodies.flatMap(([place, body]) => {
    if (typeof body !== 'function') return [problem('language', place, 'There is no text in this language.')];
    const longest = rendered(place, body, template.longest);
    const shortest = rendered(
      place,
      body,
      Object.fromEntries(
        Object.entries(template.longest).map(([field, value]) => [
          field,
          template.optional?.includes(field) ? '' : value,
        ]),
      ),
    );
    const found = new Map([...longest.problems, ...shortest.problems].map((each) => [each.sentence, each]));
    return [
      ...found.values(),
      ...lintWords(place, longest.text),
      ...lintIdentifiers(place, longest.text, template),
      ...(template.channel === 'sms' ? lintLength(place, longest.text, template.maxSegments ?? 1) : []),
    ];
  });
}

/** The text for some data, and which fields it asked for in vain. */
function rendered(where: string, body: Body, data: Data): { text: string; problems: MessagingProblem[] } {
  const problems: MessagingProblem[] = [];
  const watched = new Proxy(data, {
    get(target, field) {
      if (typeof field === 'string' && !(field in target)) {
        problems.push(problem('field', where, `The text uses the field ${field}, which its data does not have.`));
      }
      return Reflect.get(target, field) as unknown;
    },
  });
  const text = body(watched);
  if (text.trim() === '') problems.push(problem('language', where, 'The text is empty.'));
  // what the data itself holds is not the template's
  const own = Object.values(data).reduce((rest, value) => (value === '' ? rest : rest.replaceAll(value, '·')), text);
  if (unresolved.test(own)) problems.push(problem('field', where, 'The text holds a placeholder that nothing fills.'));
  return { text, problems };
}

function lintWords(where: string, text: string): MessagingProblem[] {
  const rest = text.replace(saysWhatStopDoes, '').replace(/https?:\/\/\S+/g, '');
  const words = new Set([...rest.matchAll(instruction), ...rest.matchAll(shouted)].map((match) => match[1] ?? ''));
  return [...words].map((word) =>
    problem(
      'reserved-word',
      where,
      `The text seems to ask for the answer ${word}, which the provider takes as a command.`,
    ),
  );
}

function lintLength(where: string, text: string, maxSegments: number): MessagingProblem[] {
  const { encoding, segments, units } = smsSegments(text);
  if (text.length <= providerLimit && segments <= maxSegments) return [];
  const size = `${units} ${encoding === 'GSM-7' ? 'septets' : 'units'}`;
  return [
    problem(
      'segments',
      where,
      `The longest text is ${segments} segments (${encoding}, ${size}), not more than ${maxSegments}.`,
    ),
  ];
}

function lintIdentifiers(where: string, text: string, template: MessageTemplate): MessagingProblem[] {
  const own = Object.entries(template.longest)
    .filter(([field]) => field === 'link')
    .reduce((rest, [, value]) => rest.replaceAll(value, ''), text);
  return telephone.test(own) || date.test(own)
    ? [problem('identifier', where, 'A telephone number or a date stands in the text.')]
    : [];
}

function lintData(name: string, template: MessageTemplate): MessagingProblem[] {
  const fields = Object.keys(template.longest);
  const problems = fields.flatMap((field) => {
    if (neverInText.test(field)) {
      return [problem('identifier', name, `The field ${field} identifies a person and may never stand in a text.`)];
    }
    if (/name/i.test(field) && !template.names?.includes(field)) {
      return [problem('identifier', name, `The field ${field} is a name that the study does not allow in this text.`)];
    }
    return template.longest[field] === '' ? [problem('field', name, `The longest ${field} is not given.`)] : [];
  });
  const stray = [...(template.names ?? []), ...(template.optional ?? [])].filter((field) => !fields.includes(field));
  return [
    ...problems,
    ...stray.map((field) => problem('field', name, `The field ${field} is not among the template's data.`)),
  ];
}

/** The study's own telephone may stand in a reply; it is not anybody's. */
function lintReply(where: string, text: string | undefined): MessagingProblem[] {
  if (text === undefined || text.trim() === '') {
    return [problem('language', where, 'There is no text in this language.')];
  }
  return [...lintWords(where, text), ...lintLength(where, text, 2)];
}

function lintDefinition(definition: MessagingDefinition): MessagingProblem[] {
  const { from, to } = definition.sendWindow;
  const purposes = Object.keys(definition.purposes);
  const time = /^\d{2}:\d{2}$/;
  const problems: MessagingProblem[] = [];
  // messaging.md §4: the law's bound
  if (!time.test(from) || !time.test(to) || from < '08:00' || to > '21:00' || from >= to) {
    problems.push(
      problem('definition', 'sendWindow', 'The send window must lie within 08:00 and 21:00 and end after it begins.'),
    );
  }
  for (const campaign of definition.campaigns) {
    for (const purpose of campaign.purposes) {
      if (purposes.includes(purpose)) continue;
      problems.push(problem('definition', campaign.job, `The purpose ${purpose} is not defined.`));
    }
  }
  return problems;
}

function problem(rule: MessagingProblem['rule'], where: string, sentence: string): MessagingProblem {
  return { rule, where, sentence };
}
