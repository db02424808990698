import type { Router } from 'express';
import type { FaultSpec } from './fault-spec';
import type { FaultRequest, FaultTarget } from './faults';

/** A partner's stand-in: answers over HTTP, keeps its state in memory, can be written down and read back. */
export interface StandIn {
  /**
   * Adds its routes with their full paths (`/redcap/api/`, `/agile/v1/programs/…`): the router sits at the server's root.
   * A handler that changes anything calls `port.changed()` in the same tick as the change, on every request.
   */
  mount(router: Router): void;
  /** All state as plain JSON. */
  snapshot(): unknown;
  /** Takes over a state that `snapshot()` gave, after the same projects and settings were added as then. */
  restore(snapshot: unknown): void;
}

/** What a stand-in may ask of the world it lives in. */
export interface WorldPort {
  /** Study time. */
  now(): Date;
  /** The zone in which the partner's server tells wall time (REDCap). */
  serverZone: string;
  /** Something in this stand-in changed, and is to be kept; a change in REDCap moves the world's `changedAt` to now. */
  changed(): void;
  /** A timer in study time that survives a restart: `name` says who is called (`onTimer`), `data` is plain JSON. */
  schedule(at: Date, name: string, data: unknown): void;
  onTimer(name: string, fn: (data: unknown) => void): void;
  /** The scripted fault this request meets, or null; takes one of its uses. Ask once per request. */
  fault(target: FaultTarget, request: FaultRequest): FaultSpec | null;
}

/** What a stand-in needs besides when it calls out, or is called otherwise than over HTTP. */
export interface OutwardPort extends WorldPort {
  /**
   * Real time, epoch milliseconds with fractions, never going back: when the request or the input that is being answered
   * came. Read back from the journal, it is what it was then.
   */
  realNow(): number;
  /** True while the journal is read back: what was called then is not called again. */
  readonly replaying: boolean;
  /** Does something that came otherwise than as a request (plain JSON), once it is in the journal. */
  input(name: string, data: unknown): void;
  onInput(name: string, fn: (data: unknown) => void): void;
  /** A phone sent a text to a number that somebody has: moves the world's `textedAt` to now. */
  texted(): void;
}
