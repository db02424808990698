import { z } from 'zod';
import type { FaultSpec } from './fault-spec';
import { sandboxError } from './sandbox-error';

/** Whose calls a fault may hit. */
export type FaultTarget = 'redcap' | 'agile' | 'twilio' | 'mail';

/** What a fault can be matched against. */
export interface FaultRequest {
  method: string;
  path: string;
  content?: string;
  action?: string;
  body: string;
  /** Only faults that name the method are met. */
  namedMethod?: true;
}

/** A scripted fault in the world. */
export interface ScriptedFault {
  id: number;
  target: FaultTarget;
  fault: FaultSpec;
  used: number;
}

const faultSchema = z.strictObject({
  target: z.enum(['redcap', 'agile', 'twilio', 'mail']),
  fault: z.strictObject({
    kind: z.enum([
      'timeout-after-commit',
      'reset',
      '429',
      '503',
      'slow',
      'missing-rows',
      'empty',
      'content-type',
      'truncated',
      'clock-skew',
      'forgetful',
      'stale',
      '500',
      '502-html',
      '500-after-commit',
      '550',
      '451',
    ]),
    match: z
      .strictObject({
        method: z.string().optional(),
        path: z.string().optional(),
        content: z.string().optional(),
        action: z.enum(['export', 'import']).optional(),
        bodyIncludes: z.string().optional(),
      })
      .optional(),
    times: z.number().int().min(0).optional(),
    ms: z.number().int().optional(),
    rows: z.number().int().min(1).optional(),
  }),
});

/**
 * One fault or a list of them, as JSON (`{target, fault}`). Throws a `setting` error that names what is wrong with it.
 */
export function readFaults(json: unknown): { target: FaultTarget; fault: FaultSpec }[] {
  const parsed = z.array(faultSchema).safeParse(Array.isArray(json) ? json : [json]);
  if (parsed.success) return parsed.data;
  throw sandboxError(
    'FAULT_UNREADABLE',
    `This is no scripted fault: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`,
    'Give {"target":"redcap"|"agile"|"twilio"|"mail","fault":{"kind":…,"match":{…},"times":n,"ms":n,"rows":n}} or a list of these.',
  );
}

/** The faults that lie in wait, in the order they were scripted; the first that matches a request is met. */
export class Faults {
  private list: ScriptedFault[] = [];
  private nextId = 1;

  add(target: FaultTarget, fault: FaultSpec): ScriptedFault {
    const scripted = { id: this.nextId++, target, fault, used: 0 };
    this.list.push(scripted);
    return scripted;
  }

  clear(id?: number): void {
    this.list = id === undefined ? [] : this.list.filter((scripted) => scripted.id !== id);
  }

  all(): readonly ScriptedFault[] {
    return this.list;
  }

  /** The fault this request meets; `use` then takes one of its uses. */
  find(target: FaultTarget, request: FaultRequest): ScriptedFault | null {
    return this.list.find((s) => s.target === target && isLeft(s) && matches(s.fault, request)) ?? null;
  }

  use(id: number): void {
    const scripted = this.list.find((s) => s.id === id);
    if (scripted) scripted.used += 1;
  }

  snapshot(): { nextId: number; list: ScriptedFault[] } {
    return { nextId: this.nextId, list: this.list };
  }

  restore(snapshot: { nextId: number; list: ScriptedFault[] }): void {
    this.nextId = snapshot.nextId;
    this.list = snapshot.list;
  }
}

/** Whether a scripted fault still has a use left. */
export function isLeft(scripted: ScriptedFault): boolean {
  const times = scripted.fault.times ?? 1;
  return times === 0 || scripted.used < times;
}

function matches(fault: FaultSpec, request: FaultRequest): boolean {
  const match = fault.match;
  if (request.namedMethod && match?.method === undefined) return false;
  if (!match) return true;
  return (
    (match.method === undefined || match.method.toUpperCase() === request.method.toUpperCase()) &&
    (match.path === undefined || request.path.includes(match.path)) &&
    (match.content === undefined || match.content === request.content) &&
    (match.action === undefined || match.action === request.action) &&
    (match.bodyIncludes === undefined || request.body.includes(match.bodyIncludes))
  );
}
