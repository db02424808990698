import type { Effects } from '@studybridge/effects';
import type { EventBus } from '@studybridge/event-bus';
import type { Binding, ServiceContext } from '@studybridge/service-kit';
import type { AgileHealthDefinition, StudyDefinition } from '@studybridge/studies';
import { DateTime } from 'luxon';
import type { PartnerClient } from './partner/partner-client';
import type { PartnerMetrics } from './partner/partner-metrics';
import type { AgileHealthSettings } from './settings';

/** One binding of a study that works with the texting partner. */
export interface Place {
  binding: Binding;
  study: StudyDefinition;
  agile: AgileHealthDefinition;
  client: PartnerClient;
  /** `goLiveAt` as a day in the study's zone; null = no bound. */
  goLiveOn: string | null;
}

/** Where a process may die between a call and its record. For proofs only: no app sets it from its environment. */
export type AgilePoint = 'enrol.posted' | 'update.put' | 'arm.put' | 'withdraw.put' | 'status.page-applied';

/** What the parts of this service share. */
export interface Room {
  context: ServiceContext<AgileHealthSettings>;
  bus: EventBus;
  effects: Effects;
  /** By the binding's id. */
  places: ReadonlyMap<string, Place>;
  metrics: PartnerMetrics;
  /** May throw or kill; see {@link AgilePoint}. */
  at(point: AgilePoint): Promise<void>;
}

/** Today in the study's zone, `YYYY-MM-DD`. */
export function todayIn(zone: string, now: Date): string {
  return DateTime.fromJSDate(now, { zone }).toFormat('yyyy-MM-dd');
}

/** An instant as REDCap holds it: study-zone wall time, `YYYY-MM-DD HH:MM:SS`; `''` for none. */
export function wallTime(zone: string, at: Date | null): string {
  return at === null ? '' : DateTime.fromJSDate(at, { zone }).toFormat('yyyy-MM-dd HH:mm:ss');
}
