import type { Row } from '@studybridge/contracts';
import { XMLParser } from 'fast-xml-parser';
import { DateTime } from 'luxon';
import type { Cohort, DueMessage, SentBefore, StudyDefinition, TimelineAction } from '../../src';

/** A message as the campaign, asked at every run, sends it. */
export interface Played {
  record: string;
  message: DueMessage;
  language: string;
  day: string;
  mobile: string;
}

interface Participant {
  rows: Row[];
  seen: Row[];
  sent: SentBefore[];
  baseline: boolean;
  changed: boolean;
}

type Save = Extract<TimelineAction, { do: 'save' }>;
type Node = Record<string, unknown>;

/**
 * A study's own campaigns played over its cohort with the simplest service imaginable: polls, runs, STOP, numbers that turn
 * out to be landlines. `polls` are epoch milliseconds; `runs` wall times of `zone`, weekdays only where `weekdays` says so.
 */
export function playCampaign(
  study: StudyDefinition,
  cohort: Cohort,
  o: { polls: readonly number[]; run: { hour: number; minute: number; zone: string; weekdays?: boolean } },
): Played[] {
  const messaging = study.messaging!;
  const people = readPeople(cohort.projectXml);
  for (const each of people.values()) each.baseline = isBaseline(study, each.rows);
  const landlines = new Set(cohort.handsets.filter(({ line }) => line === 'landline').map(({ mobile }) => mobile));
  const stopped = new Set<string>();
  const played: Played[] = [];

  const poll = (): void => {
    for (const each of people.values()) {
      if (each.changed) each.seen = structuredClone(each.rows);
      each.changed = false;
    }
  };
  const run = (at: number): void => {
    for (const [record, person] of [...people].sort(([a], [b]) => Number(a) - Number(b))) {
      if (person.baseline) continue;
      const today = DateTime.fromMillis(at, { zone: messaging.zoneOf(person.seen) }).toISODate()!;
      const now = new Date(at).toISOString();
      for (const campaign of messaging.campaigns) {
        const due = campaign.due(person.seen, { today, now, sentBefore: person.sent });
        for (const message of Array.isArray(due) ? due : []) {
          if (messaging.mayReceive(person.seen, 'sms') !== null) continue;
          const mobile = messaging.mobile(person.seen)!;
          if (stopped.has(mobile) || stopped.has(record)) continue;
          expect(campaign.stillDue(person.seen, message, today)).toBeNull();
          expect(message.firstDay <= today && today <= message.lastDay).toBe(true);
          if (landlines.has(mobile)) stopped.add(mobile);
          const { purpose, occurrence } = message;
          person.sent.push({ purpose, occurrence, sentOn: today, sentAt: now, waiting: false });
          played.push({ record, message, language: messaging.language(person.seen)!, day: today, mobile });
        }
      }
    }
  };
  const happen = (action: TimelineAction): void => {
    if (action.do === 'save') {
      const person = people.get(action.record) ?? { rows: [], seen: [], sent: [], baseline: false, changed: true };
      people.set(action.record, person);
      save(study, person.rows, action);
      person.changed = true;
    } else if (action.do === 'delete-record') people.delete(action.record);
    else if (action.do === 'rename-record') {
      const person = people.get(action.record)!;
      people.delete(action.record);
      people.set(action.to, person);
    } else if (action.do === 'text' && action.to !== undefined && /stop/i.test(action.body)) stopped.add(action.mobile);
  };

  const steps: [at: number, order: number, step: () => void][] = [
    ...cohort.timeline.map((action): [number, number, () => void] => [
      Date.parse(action.at),
      0,
      () => {
        happen(action);
      },
    ]),
    ...o.polls.map((at): [number, number, () => void] => [at, 1, poll]),
    ...runsOf(cohort, o.run).map((at): [number, number, () => void] => [
      at,
      2,
      () => {
        run(at);
      },
    ]),
  ];
  steps.sort(([a, first], [b, second]) => a - b || first - second);
  for (const [, , step] of steps) step();
  poll();
  run(Date.parse(cohort.endAt));
  return played;
}

function runsOf(
  cohort: Cohort,
  { hour, minute, zone, weekdays }: { hour: number; minute: number; zone: string; weekdays?: boolean },
): number[] {
  const runs: number[] = [];
  for (
    let at = DateTime.fromISO(cohort.startAt, { zone }).set({ hour, minute, second: 0 });
    at.toMillis() <= Date.parse(cohort.endAt);
    at = at.plus({ days: 1 })
  ) {
    if (at.toMillis() >= Date.parse(cohort.startAt) && (!weekdays || at.weekday <= 5)) runs.push(at.toMillis());
  }
  return runs;
}

/** What was already decided before the start: nothing goes out for it by itself. */
function isBaseline(study: StudyDefinition, rows: readonly Row[]): boolean {
  const has = (field: string, value?: string): boolean =>
    rows.some((row) => (value === undefined ? (row.values[field] ?? '') !== '' : row.values[field] === value));
  return study.id === 'caps' ? has('exam_complete', '2') : has('part_consent_date');
}

function save(study: StudyDefinition, rows: Row[], action: Save): void {
  const { main } = study.projects;
  for (const [field, value] of Object.entries(action.values)) {
    const instrument = action.instrument ?? main.dictionary.find((known) => known.field_name === field)!.form_name;
    const instance = action.instance ?? 0;
    let row = rows.find((r) => r.event === action.event && r.instrument === instrument && r.instance === instance);
    if (!row) rows.push((row = { event: action.event, instrument, instance, values: {} }));
    row.values[field] = value;
  }
}

function readPeople(xml: string): Map<string, Participant> {
  const lists = ['SubjectData', 'StudyEventData', 'FormData', 'ItemGroupData', 'ItemData'];
  const parser = new XMLParser({
    ignoreAttributes: false,
    parseAttributeValue: false,
    htmlEntities: true,
    isArray: (name) => lists.includes(name),
  });
  const parsed = parser.parse(xml) as { ODM: { ClinicalData?: Node | '' } };
  const below = (node: Node, name: string): Node[] => (node[name] as Node[] | undefined) ?? [];
  // the live project decides, not the study's files
  const repeats = (event: string, instrument: string): boolean =>
    xml.includes(`redcap:UniqueEventName="${event}" redcap:RepeatInstrument="${instrument}"`);
  const people = new Map<string, Participant>();
  for (const subject of below((parsed.ODM.ClinicalData || {}) as Node, 'SubjectData')) {
    const rows: Row[] = [];
    for (const visit of below(subject, 'StudyEventData')) {
      for (const form of below(visit, 'FormData')) {
        const event = String(visit['@_redcap:UniqueEventName']);
        const instrument = String(form['@_FormOID']).replace('Form.', '');
        const instance = repeats(event, instrument) ? Number(form['@_FormRepeatKey']) : 0;
        const items = below(form, 'ItemGroupData').flatMap((group) => below(group, 'ItemData'));
        const values = Object.fromEntries(items.map((item) => [String(item['@_ItemOID']), String(item['@_Value'])]));
        rows.push({ event, instrument, instance, values });
      }
    }
    people.set(String(subject['@_SubjectKey']), { rows, seen: [], sent: [], baseline: false, changed: true });
  }
  return people;
}
