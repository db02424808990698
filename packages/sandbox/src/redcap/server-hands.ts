import { z } from 'zod';
import type { Randomization, Rights } from './model';
import { rightKeys } from './project';
import type { StaffSave } from './records/save-record';
import type { SurveyAnswer } from './surveys/answer-survey';

const text = z.string();
const whole = z.number().int().min(0);
/** A project by its id or by one of its tokens. */
const project = z.union([z.number().int(), text.min(1)]);
const rights = z.strictObject({
  ...Object.fromEntries(rightKeys.map((key) => [key, whole.optional()])),
  forms: z.record(text, whole).optional(),
  forms_export: z.record(text, whole).optional(),
});
const place = { record: text, event: text.optional(), instance: z.number().int().min(1).optional() };

/** What an administrator of the server, staff in the browser and participants can do, in any project. */
export const serverActions = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('add-token'),
    project,
    username: text.min(1),
    token: z
      .string()
      .regex(/^[0-9A-Fa-f]{32}$/)
      .optional(),
    rights: rights.optional(),
    dag: text.optional(),
  }),
  z.strictObject({ do: z.literal('revoke-token'), token: text }),
  z.strictObject({ do: z.literal('set-rights'), token: text, rights, dag: text.optional() }),
  z.strictObject({ do: z.literal('set-switchable-dags'), token: text, dags: z.array(text) }),
  z.strictObject({ do: z.literal('set-production'), project, inProduction: z.boolean() }),
  z.strictObject({
    do: z.literal('set-randomization'),
    project,
    targetField: text,
    targetEvent: text.optional(),
    strata: z.array(z.strictObject({ field: text, event: text.optional() })).optional(),
    allocations: z.record(text, z.array(text)).optional(),
  }),
  z.strictObject({ do: z.literal('seed'), project, records: z.number().int().min(1).max(1_000_000) }),
  z.strictObject({ do: z.literal('lift-bans') }),
  z.strictObject({ do: z.literal('lock-record'), project, record: text, locked: z.boolean(), user: text }),
  z.strictObject({
    do: z.literal('save'),
    project,
    ...place,
    instrument: text.optional(),
    values: z.record(text, text),
    user: text,
  }),
  z.strictObject({ do: z.literal('delete-record'), project, record: text, user: text }),
  z.strictObject({ do: z.literal('rename-record'), project, record: text, to: text, user: text }),
  z.strictObject({
    do: z.literal('answer-survey'),
    project,
    ...place,
    instrument: text,
    values: z.record(text, text),
    identifier: text.optional(),
    complete: z.boolean().optional(),
  }),
]);

/** One thing done on the server by other hands than the API's. */
export type ServerAction = z.infer<typeof serverActions>;

/** A server on which such things can be done. */
export interface ServerDoings {
  /** Does it, and answers what there is to know of it. Throws `StaffActionError` when it cannot be done. */
  act(action: ServerAction): Record<string, unknown>;
}

/** The hands a server offers. */
interface Hands {
  addToken(project: string | number, username: string, token?: string): string;
  revokeToken(token: string): void;
  setRights(token: string, rights: Partial<Rights>, dag?: string): void;
  setSwitchableDags(token: string, dags: string[]): void;
  setProduction(project: string | number, inProduction: boolean): void;
  setRandomization(project: string | number, o: Omit<Randomization, 'id'>): { randomizationId: number };
  seedRecords(project: string | number, count: number): void;
  liftBans(): void;
  lockRecord(project: string | number, o: { record: string; locked: boolean; user: string }): void;
  save(project: string | number, save: StaffSave): void;
  deleteRecord(project: string | number, o: { record: string; user: string }): void;
  renameRecord(project: string | number, o: { record: string; to: string; user: string }): void;
  answerSurvey(project: string | number, answer: SurveyAnswer): void;
}

/** Does one action with a server's hands. */
export function actWith(hands: Hands, action: ServerAction): Record<string, unknown> {
  switch (action.do) {
    case 'add-token': {
      const token = hands.addToken(action.project, action.username, action.token);
      if (action.rights !== undefined || action.dag !== undefined)
        hands.setRights(token, action.rights ?? {}, action.dag);
      return { token };
    }
    case 'revoke-token':
      hands.revokeToken(action.token);
      return {};
    case 'set-rights':
      hands.setRights(action.token, action.rights, action.dag);
      return {};
    case 'set-switchable-dags':
      hands.setSwitchableDags(action.token, action.dags);
      return {};
    case 'set-production':
      hands.setProduction(action.project, action.inProduction);
      return {};
    case 'set-randomization': {
      const { targetField, targetEvent = '', strata = [], allocations = {} } = action;
      const placed = strata.map(({ field, event = '' }) => ({ field, event }));
      return hands.setRandomization(action.project, { targetField, targetEvent, strata: placed, allocations });
    }
    case 'seed':
      hands.seedRecords(action.project, action.records);
      return {};
    case 'lift-bans':
      hands.liftBans();
      return {};
    case 'lock-record':
      hands.lockRecord(action.project, action);
      return {};
    case 'save':
      hands.save(action.project, action);
      return {};
    case 'delete-record':
      hands.deleteRecord(action.project, action);
      return {};
    case 'rename-record':
      hands.renameRecord(action.project, action);
      return {};
    case 'answer-survey':
      hands.answerSurvey(action.project, { ...action, complete: action.complete ?? true });
      return {};
  }
}
