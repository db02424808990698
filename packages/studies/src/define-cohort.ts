/** A fault that a stand-in of the sandbox plays for the next matching call. */
export interface FaultSpec {
  kind:
    | 'timeout-after-commit'
    | 'reset'
    | '429'
    | '503'
    | 'slow'
    | 'missing-rows'
    | 'empty'
    | 'content-type'
    | 'truncated'
    | 'clock-skew'
    | 'forgetful';
  match?: {
    method?: string;
    /** Substring of the path. */
    path?: string;
    /** REDCap's `content` parameter. */
    content?: string;
    action?: 'export' | 'import';
    bodyIncludes?: string;
  };
  /** How many calls it hits; default 1; 0 = until cleared. */
  times?: number;
  /** How long it holds or delays, or how far the clock is off, in milliseconds. */
  ms?: number;
  rows?: number;
}

/** Something that happens in the world at an instant (ISO 8601 UTC). */
export type TimelineAction = { at: string } & (
  | {
      do: 'save';
      record: string;
      event: string;
      values: Record<string, string>;
      instrument?: string;
      instance?: number;
      user: string;
    }
  | { do: 'delete-record'; record: string; user: string }
  | { do: 'rename-record'; record: string; to: string; user: string }
  /** A text from a handset, to `to` (E.164 or a short code) or, without it, to the texting partner: YES, SI, STOP, START. */
  | { do: 'text'; mobile: string; body: string; to?: string }
  | { do: 'fault'; target: 'redcap' | 'agile' | 'twilio' | 'mail'; fault: FaultSpec }
  /** The partner sets a status by itself, known or not. */
  | { do: 'partner'; mobile: string; status: string }
);

/** A telephone of the cohort's world. `mobile` is E.164. */
export interface Handset {
  mobile: string;
  line: 'mobile' | 'landline' | 'blocks-short-codes';
}

/** A fictional world to play: what REDCap holds at the start, and what happens until the end. */
export interface Cohort {
  id: string;
  /** The study that it is made for. */
  study: string;
  projectXml: string;
  /** ISO 8601 UTC. */
  startAt: string;
  endAt: string;
  /** IANA zone of the REDCap server's wall clock. */
  serverZone: string;
  /** In order of time; no two actions concerning the same family at the same instant. */
  timeline: TimelineAction[];
  handsets: Handset[];
  /** What was seeded, by name, with the record number that it ends under. Several records may share a name. */
  situations: { name: string; record: string }[];
}
