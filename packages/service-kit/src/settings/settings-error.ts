import { StudybridgeError } from '@studybridge/contracts';

/** One thing wrong with the settings: a sentence that says what, and one that says what to do. Neither holds a value. */
export interface Complaint {
  sentence: string;
  remedy: string;
}

/** Everything that is wrong with a service's settings, all at once. Holds names of settings, never their values. */
export class SettingsError extends StudybridgeError {
  readonly complaints: readonly Complaint[];

  constructor(service: string, complaints: readonly Complaint[]) {
    const lines = complaints.map((complaint) => `${complaint.sentence} ${complaint.remedy}`);
    super(`${service} cannot start with these settings: ${lines.join(' ')}`, {
      code: 'SETTINGS',
      errorClass: 'setting',
      remedy: 'Correct the settings named and start again.',
    });
    this.complaints = complaints;
  }
}
