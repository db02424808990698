import { ApiError } from '../api-error';
import type { StoredRecord } from '../data-store';
import { messages } from '../messages';
import type { ProjectEvent, User } from '../model';
import type { Params } from '../params';
import type { Project } from '../project';

/** A place that a call names by record, event and instance: where a file lies, or a survey is answered. */
export interface Spot {
  record: StoredRecord;
  event: ProjectEvent;
  /** Index of the repeating instrument, or -1. */
  form: number;
  instance: number;
}

/** The record a call names, as far as the user may see it. Throws REDCap's refusal when there is none. */
export function recordNamed(project: Project, id: string, user: User): StoredRecord {
  if (id === '') throw new ApiError(400, messages.parameterMissing('record'));
  const record = project.data.get(id);
  if (record === undefined || (user.dag !== '' && record.dag !== user.dag)) {
    throw new ApiError(400, messages.recordMissing(id));
  }
  return record;
}

/** The event a call names; the first one where it names none. */
export function eventNamed(project: Project, name: string): ProjectEvent {
  const { codebook } = project;
  const event = name === '' || !codebook.longitudinal ? codebook.firstEvent : codebook.eventByName.get(name);
  if (event === undefined) throw new ApiError(400, messages.valuesNotValid('event', [name]));
  return event;
}

/** Where `record`, `event` and `repeat_instance` lead for an instrument. Throws REDCap's refusals. */
export function locate(project: Project, params: Params, form: number, user: User): Spot {
  const { codebook } = project;
  const record = recordNamed(project, params.get('record'), user);
  const event = eventNamed(project, params.get('event'));
  if (!codebook.isDesignated(event, form)) {
    throw new ApiError(400, messages.notDesignated(codebook.form(form).name, codebook.eventTitle(event)));
  }
  const text = params.get('repeat_instance') || '1';
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new ApiError(400, messages.parameterInvalid('repeat_instance'));
  if (codebook.repeatsAsForm(event, form)) return { record, event, form, instance: Number(text) };
  return { record, event, form: -1, instance: codebook.repeatsAsEvent(event) ? Number(text) : 0 };
}
