/** What kind of change a live design shows against its study. */
type ChangeKind =
  | 'added-choice'
  | 'removed-choice'
  | 'removed-choice-in-use'
  | 'renamed-field'
  | 'removed-field'
  | 'moved-field'
  | 'type-changed'
  | 'validation-changed'
  | 'identifier-added'
  | 'removed-event'
  | 'renamed-event'
  | 'moved-instrument'
  | 'repeats-changed';

/** One way in which a live project departs from its study. */
export interface DesignChange {
  kind: ChangeKind;
  /** Null where the change concerns every event. */
  event: string | null;
  /** Null where a whole event is concerned. */
  instrument: string | null;
  /** Null where a whole instrument is concerned. */
  field: string | null;
  /** Whether what it concerns is neither believed nor written until it is put back. */
  stops: boolean;
  /** The mappings it touches, as `mapping.partnerField`. */
  touches: string[];
  /** For the data manager. */
  sentence: string;
}

/** What a drift stops, as the rest of the service asks for it. */
export class Drift {
  /** Declared fields that are stopped in every event: nothing is asked of them. */
  readonly stopped: ReadonlySet<string>;
  private readonly places: ReadonlySet<string>;

  constructor(readonly changes: readonly DesignChange[]) {
    const stopping = changes.filter((change) => change.stops);
    this.stopped = new Set(stopping.flatMap((change) => (change.event === null && change.field ? [change.field] : [])));
    this.places = new Set(
      stopping.flatMap((change) => (change.event === null ? [] : [`${change.event}/${change.instrument ?? ''}`])),
    );
  }

  get sentences(): string[] {
    return [...new Set(this.changes.map((change) => change.sentence))];
  }

  /** Whether an instrument is stopped in an event as a whole. */
  stopsPlace(event: string, instrument: string): boolean {
    return this.places.has(`${event}/`) || this.places.has(`${event}/${instrument}`);
  }

  /** Whether a cell keeps its last known value and is not written. */
  stops(event: string, instrument: string, field: string): boolean {
    return this.stopsPlace(event, instrument) || this.stopped.has(field) || this.stopped.has(field.split('___')[0]!);
  }

  /** What this drift no longer stops that an earlier one did. */
  isHealedSince(before: readonly DesignChange[]): boolean {
    const key = (change: DesignChange) => JSON.stringify([change.event, change.instrument, change.field]);
    const now = new Set(this.changes.filter((change) => change.stops).map(key));
    return before.some((change) => change.stops && !now.has(key(change)));
  }
}
