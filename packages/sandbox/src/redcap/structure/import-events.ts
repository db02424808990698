import { ApiError } from '../api-error';
import { messages } from '../messages';
import type { Design, ProjectEvent, Repeating } from '../model';
import { restructure, type Project } from '../project';
import { uniqueEventName } from '../unique-names';
import type { SentItem } from './parse-structure';

function needLongitudinal(project: Project, refusal: string): void {
  if (!project.design.longitudinal) throw new ApiError(400, refusal);
}

/** Keeps mapping and repeats to events that exist, and arms and events in the order of arms. */
function tidy(design: Design): void {
  design.arms.sort((a, b) => a.number - b.number);
  design.events.sort((a, b) => a.arm - b.arm);
  // Without any event what repeats does so in the one that is implied.
  const names = new Set(design.events.length > 0 ? design.events.map((event) => event.uniqueName) : ['event_1_arm_1']);
  design.mapping = design.mapping.filter((entry) => names.has(entry.event));
  design.repeating = design.repeating.filter((entry) => names.has(entry.event));
}

function armNumber(item: SentItem): number {
  const text = item.text('arm_num');
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new ApiError(400, messages.armInvalid(text));
  return Number(text);
}

/**
 * Adds arms or renames them, in a classic project too, where they are not seen (§2.10); with `override` the arms, events and mappings
 * that were there go first. */
export function importArms(project: Project, items: readonly SentItem[], override: boolean): number {
  const arms = items.map((item) => ({ number: armNumber(item), name: item.text('name') }));
  restructure(project, (design) => {
    if (override) [design.arms, design.events] = [[], []];
    for (const { number, name } of arms) {
      const known = design.arms.find((arm) => arm.number === number);
      if (known === undefined) design.arms.push({ number, name: name || `Arm ${number}` });
      else if (name !== '') known.name = name;
    }
    tidy(design);
  });
  return arms.length;
}

/** Deletes arms with their events and whatever was stored there (§2.10). */
export function deleteArms(project: Project, numbers: readonly string[]): number {
  const wanted = new Set(numbers);
  const known = new Set(project.design.arms.map((arm) => String(arm.number)));
  for (const number of wanted) if (!known.has(number)) throw new ApiError(400, messages.armUnknown(number));
  restructure(project, (design) => {
    design.arms = design.arms.filter((arm) => !wanted.has(String(arm.number)));
    design.events = design.events.filter((event) => !wanted.has(String(event.arm)));
    tidy(design);
  });
  return wanted.size;
}

const days = (item: SentItem, key: string, otherwise: number): number => {
  const value = item.text(key);
  return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : otherwise;
};

/**
 * Adds events, or changes those whose unique name is given and known (§2.11); a changed name changes the unique name with
 * it. With `override` all other events go first.
 */
export function importEvents(
  project: Project,
  items: readonly SentItem[],
  override: boolean,
  eventId: () => number,
): number {
  const arms = new Set(project.design.arms.map((arm) => arm.number));
  for (const item of items) {
    if (item.text('event_name') === '') throw new ApiError(400, messages.eventNameMissing);
    if (!arms.has(armNumber(item))) throw new ApiError(400, messages.armUnknown(item.text('arm_num')));
  }
  const before = project.design.events;
  const events: ProjectEvent[] = override ? [] : before.map((event) => ({ ...event }));
  const renamed = new Map<string, string>();
  const { firstEvent } = project.codebook;
  for (const item of items) {
    const name = item.text('event_name');
    const arm = armNumber(item);
    const given = item.text('unique_event_name');
    const known = given === '' ? undefined : (override ? before : events).find((event) => event.uniqueName === given);
    const others = new Set(events.filter((event) => event !== known).map((event) => event.uniqueName));
    const event: ProjectEvent = {
      id: known?.id ?? eventId(),
      uniqueName:
        known !== undefined && known.name === name && known.arm === arm && !others.has(given)
          ? given
          : uniqueEventName(name, arm, others),
      name,
      arm,
      dayOffset: days(item, 'day_offset', known?.dayOffset ?? 0),
      offsetMin: days(item, 'offset_min', known?.offsetMin ?? 0),
      offsetMax: days(item, 'offset_max', known?.offsetMax ?? 0),
      customLabel: item.has('custom_event_label') ? item.text('custom_event_label') : (known?.customLabel ?? ''),
    };
    if (known !== undefined && known.uniqueName !== event.uniqueName) renamed.set(known.uniqueName, event.uniqueName);
    const at = override || known === undefined ? -1 : events.indexOf(known);
    if (at < 0) events.push(event);
    else events[at] = event;
  }
  // Data of a project that had no event at all go to the first one it gets.
  if (before.length === 0 && !events.some((event) => event.uniqueName === firstEvent.uniqueName)) {
    const first = [...events].sort((a, b) => a.arm - b.arm)[0];
    if (first !== undefined) renamed.set(firstEvent.uniqueName, first.uniqueName);
  }
  restructure(
    project,
    (design) => {
      design.events = events;
      for (const entry of [...design.mapping, ...design.repeating])
        entry.event = renamed.get(entry.event) ?? entry.event;
      if (override) design.mapping = [];
      tidy(design);
    },
    renamed,
  );
  return items.length;
}

/** Deletes events by unique name, with whatever was stored there (§2.11). */
export function deleteEvents(project: Project, names: readonly string[]): number {
  const wanted = new Set(names);
  const unknown = [...wanted].filter((name) => !project.codebook.eventByName.has(name));
  if (unknown.length > 0) throw new ApiError(400, messages.valuesNotValid('events', unknown));
  restructure(project, (design) => {
    design.events = design.events.filter((event) => !wanted.has(event.uniqueName));
    tidy(design);
  });
  return wanted.size;
}

/** Replaces which instrument belongs to which event (§2.12). */
export function importMapping(project: Project, items: readonly SentItem[]): number {
  needLongitudinal(project, messages.importOfClassic('form/event mappings'));
  const { codebook } = project;
  const mapping = items.map((item) => ({ event: item.text('unique_event_name'), form: item.text('form') }));
  for (const { event, form } of mapping) {
    if (!codebook.eventByName.has(event)) throw new ApiError(400, messages.eventUnknown(event));
    if (!codebook.formIndex.has(form)) throw new ApiError(400, messages.formUnknown(form));
  }
  restructure(project, (design) => {
    design.mapping = mapping;
  });
  return mapping.length;
}

/** Replaces what repeats (§2.13); nothing at all is allowed. */
export function importRepeating(project: Project, items: readonly SentItem[]): number {
  const { codebook, design } = project;
  const only = codebook.longitudinal ? null : (design.events[0]?.uniqueName ?? '');
  const repeating = items.map((item): Repeating => {
    const event = only ?? item.text('event_name');
    const form = item.text('form_name');
    if (!codebook.eventByName.has(event)) throw new ApiError(400, messages.eventUnknown(event));
    if (form === '' ? only !== null : !codebook.formIndex.has(form)) {
      throw new ApiError(400, messages.formUnknown(form));
    }
    return { event, form, label: item.text('custom_form_label') };
  });
  restructure(project, (changed) => {
    changed.repeating = repeating;
  });
  return repeating.length;
}
