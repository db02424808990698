import { parseChoices, type DictionaryField } from '@studybridge/field-mapping';
import type { ProjectDefinition } from '@studybridge/studies';
import { baseField, type LiveDesign } from '../projects/live-design';
import { Drift, type DesignChange } from './design-change';

/** What is known besides the study and the live design. */
export interface DriftFacts {
  /** How many participants hold a code in a field, as far as we know. */
  holders(field: string, code: string): number;
  /** Unique event names at an earlier check, by REDCap's event id. */
  eventIds: Readonly<Record<string, string>>;
}

/**
 * Compares the live design with what the study declares, change by change. What is merely more (a new choice) or unused (a
 * choice that nobody has) is said but stops nothing: a participant who has an unknown code is held by the mapping. Everything
 * else stops the declared cells it concerns, and only those.
 */
export function findDrift(definition: ProjectDefinition, live: LiveDesign, facts: DriftFacts): Drift {
  const comparison = new Comparison(definition, live, facts);
  return new Drift([...comparison.fields(), ...comparison.places()]);
}

/** The codes of declared fields that the live dictionary no longer has: whoever holds one decides what that means. */
export function removedCodes(definition: ProjectDefinition, live: LiveDesign): { field: string; code: string }[] {
  const expected = new Map(definition.dictionary.map((field) => [field.field_name, field]));
  return definition.declaredFields.flatMap((declared) => {
    const before = expected.get(baseField(declared));
    const now = live.field(baseField(declared));
    if (!before || !now) return [];
    if (before.field_type === 'checkbox') return [{ field: declared, code: '1' }];
    const choices = parseChoices(now);
    return [...parseChoices(before).keys()]
      .filter((code) => !choices.has(code))
      .map((code) => ({ field: declared, code }));
  });
}

class Comparison {
  private readonly expected: Map<string, DictionaryField>;
  private readonly declaredOf = new Map<string, string[]>();

  constructor(
    private readonly definition: ProjectDefinition,
    private readonly live: LiveDesign,
    private readonly facts: DriftFacts,
  ) {
    this.expected = new Map(definition.dictionary.map((field) => [field.field_name, field]));
    for (const field of definition.declaredFields) {
      const home = this.homeOf(field);
      this.declaredOf.set(home, [...(this.declaredOf.get(home) ?? []), field]);
    }
  }

  /** Changes of declared fields, whatever the event. */
  fields(): DesignChange[] {
    return this.definition.declaredFields.flatMap((declared) => {
      const instrument = this.live.instrumentOfColumn(declared);
      const home = this.homeOf(declared);
      if (instrument === null) return [this.gone(declared, home)];
      if (instrument !== home) {
        return [
          this.change(
            'moved-field',
            declared,
            true,
            `The field ${declared} moved from the instrument ${home} to ${instrument}.`,
          ),
        ];
      }
      const before = this.expected.get(baseField(declared));
      const now = this.live.field(baseField(declared));
      return before && now ? this.compareField(declared, before, now) : [];
    });
  }

  /** Changes of events and of what belongs where, as far as declared fields live there. */
  places(): DesignChange[] {
    const events = new Set(this.definition.mapping.map((row) => row.event));
    const lost = [...events].filter((event) => !this.live.hasEvent(event));
    const ofEvents = lost.map((event): DesignChange => {
      const id = Object.entries(this.facts.eventIds).find(([, name]) => name === event)?.[0];
      const other = this.live.events.find((one) => id !== undefined && String(one.event_id) === id)?.unique_event_name;
      return {
        kind: other === undefined ? 'removed-event' : 'renamed-event',
        event,
        instrument: null,
        field: null,
        stops: true,
        touches: this.touched((mapped) => mapped.event === event),
        sentence:
          other === undefined
            ? `The event ${event} is gone.`
            : `The event ${event} was renamed to ${other}; the study still calls it by its former name.`,
      };
    });
    const ofInstruments = this.definition.mapping.flatMap(({ event, instrument }): DesignChange[] => {
      if (lost.includes(event)) return [];
      const place = { event, instrument, field: null };
      const touches = this.touched((mapped) => mapped.event === event && mapped.instrument === instrument);
      const declared = this.declaredOf.has(instrument);
      if (!this.live.instrumentsOf(event).includes(instrument)) {
        const elsewhere = this.live.eventsOf(instrument).filter((one) => !this.isExpected(one, instrument));
        const where = elsewhere.length > 0 ? ` It is now designated to ${elsewhere.join(', ')}.` : '';
        const sentence = `The instrument ${instrument} is no longer designated to the event ${event}.${where}`;
        return [{ ...place, kind: 'moved-instrument', stops: declared, touches, sentence }];
      }
      const repeats = this.definition.repeating.some(
        (row) => row.event === event && (row.instrument === instrument || row.instrument === ''),
      );
      if (repeats === this.live.hasInstances(event, instrument) || this.definition.mayRepeat.has(instrument)) return [];
      const sentence = `The instrument ${instrument} ${repeats ? 'no longer repeats' : 'repeats now'} in the event ${event}.`;
      return [{ ...place, kind: 'repeats-changed', stops: declared, touches, sentence }];
    });
    return [...ofEvents, ...ofInstruments];
  }

  private gone(declared: string, home: string): DesignChange {
    const before = this.expected.get(baseField(declared));
    const other = before && this.renamed(before);
    if (other !== undefined) {
      return this.change(
        'renamed-field',
        declared,
        true,
        `The field ${declared} seems to have been renamed to ${other}.`,
      );
    }
    const sentence = this.live.hasForm(home)
      ? `The field ${declared} is gone from the dictionary, or was renamed.`
      : `The instrument ${home} is gone, and with it the field ${declared}.`;
    return this.change('removed-field', declared, true, sentence);
  }

  /** The one field that the study does not know, on the same instrument, with the same label, type and choices. */
  private renamed(before: DictionaryField): string | undefined {
    const alike = this.live.dictionary.filter(
      (field) =>
        !this.expected.has(field.field_name) &&
        field.form_name === before.form_name &&
        field.field_label.trim() === before.field_label.trim() &&
        kind(field.field_type) === kind(before.field_type) &&
        [...parseChoices(field).keys()].join('|') === [...parseChoices(before).keys()].join('|'),
    );
    return alike.length === 1 ? alike[0]!.field_name : undefined;
  }

  private compareField(declared: string, before: DictionaryField, now: DictionaryField): DesignChange[] {
    if (kind(before.field_type) !== kind(now.field_type)) {
      const sentence = `The field ${declared} changed its type from ${before.field_type} to ${now.field_type}.`;
      return [this.change('type-changed', declared, true, sentence)];
    }
    const changes: DesignChange[] = [];
    const was = before.text_validation_type_or_show_slider_number;
    const is = now.text_validation_type_or_show_slider_number;
    if (before.field_type === 'text' && family(was) !== family(is)) {
      const sentence = `The field ${declared} changed its validation from ${was || 'none'} to ${is || 'none'}.`;
      changes.push(this.change('validation-changed', declared, true, sentence));
    }
    if (now.identifier === 'y' && before.identifier !== 'y') {
      const sentence = `The field ${declared} is marked as an identifier now, and the study does not seal it.`;
      changes.push(this.change('identifier-added', declared, false, sentence));
    }
    return [...changes, ...this.compareChoices(declared, before, now)];
  }

  private compareChoices(declared: string, before: DictionaryField, now: DictionaryField): DesignChange[] {
    const old = parseChoices(before);
    const live = parseChoices(now);
    if (before.field_type === 'checkbox') {
      const option = declared.slice(before.field_name.length + '___'.length);
      const has = [...live.keys()].some((code) => code.toLowerCase().replace(/[^a-z0-9]/g, '_') === option);
      if (option === '' || has) return [];
      return [this.choiceGone(declared, '1', `The field ${before.field_name} lost the option ${option}`)];
    }
    if (old.size === 0 && live.size === 0) return [];
    const added = [...live].filter(([code]) => !old.has(code));
    return [
      ...added.map(([code, label]) =>
        this.change(
          'added-choice',
          declared,
          false,
          `The field ${declared} gained the code ${code} (${label}); who has it is held until the study knows it.`,
        ),
      ),
      ...[...old.keys()]
        .filter((code) => !live.has(code))
        .map((code) => this.choiceGone(declared, code, `The field ${declared} lost the code ${code}`)),
    ];
  }

  private choiceGone(declared: string, code: string, what: string): DesignChange {
    const holders = this.facts.holders(declared, code);
    return holders > 0
      ? this.change('removed-choice-in-use', declared, true, `${what}, which ${holders} participant(s) have.`)
      : this.change('removed-choice', declared, false, `${what}, which nobody has.`);
  }

  private change(kind: DesignChange['kind'], field: string, stops: boolean, sentence: string): DesignChange {
    const touches = this.touched((mapped) => mapped.field === field);
    return { kind, event: null, instrument: this.homeOf(field), field, stops, touches, sentence };
  }

  private touched(concerns: (mapped: { event: string; instrument: string; field: string }) => boolean): string[] {
    return [
      ...new Set(
        this.definition.mappings.flatMap((mapping) =>
          mapping.fields.filter(concerns).map((mapped) => `${mapping.name}.${mapped.partnerField}`),
        ),
      ),
    ];
  }

  private homeOf(declared: string): string {
    return this.expected.get(baseField(declared))?.form_name ?? declared.replace(/_complete$/, '');
  }

  private isExpected(event: string, instrument: string): boolean {
    return this.definition.mapping.some((row) => row.event === event && row.instrument === instrument);
  }
}

/** Radio and dropdown hold the same values. */
const kind = (type: string): string => (type === 'dropdown' ? 'radio' : type);

/** Dates leave REDCap in one format, whatever the order in which staff type them. */
const family = (validation: string): string => validation.replace(/_(ymd|mdy|dmy)$/, '');
