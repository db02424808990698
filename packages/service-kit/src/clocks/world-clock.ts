import axios from 'axios';
import { StudybridgeError, type Clock, type Outside } from '@studybridge/contracts';
import { z } from 'zod';

const answerSchema = z.object({
  now: z.iso.datetime(),
  changedAt: z.iso.datetime().nullable(),
  textedAt: z.iso.datetime().nullable().default(null),
});

/**
 * The world's time, fetched over HTTP: GET url → `{"now": iso, "changedAt": iso|null, "textedAt"?: iso|null}`, the latter two
 * when REDCap changed and when a phone texted us last. `now()` is the value of the last `refresh()`; before the first one it
 * throws.
 */
export class WorldClock implements Clock {
  private present: Date | null = null;
  private changed: Record<Outside, string | null> = { redcap: null, texts: null };
  private asking: Promise<void> | null = null;
  private next: Promise<void> | null = null;

  constructor(private readonly url: string) {}

  now(): Date {
    if (this.present === null) throw unreachable('was not asked yet');
    return new Date(this.present);
  }

  /** One question at a time. Who comes while one is on its way shares the next: its answer might be older than they are. */
  refresh(): Promise<void> {
    if (this.asking === null) return this.begin();
    this.next ??= this.asking.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  private begin(): Promise<void> {
    this.next = null;
    this.asking = this.ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  private async ask(): Promise<void> {
    let body: unknown;
    try {
      body = (await axios.get<unknown>(this.url, { timeout: 5_000, proxy: false, responseType: 'json' })).data;
    } catch (error) {
      throw unreachable(axios.isAxiosError(error) ? (error.code ?? 'no answer') : 'no answer');
    }
    const answer = answerSchema.safeParse(body);
    if (!answer.success) throw unreachable('gave an answer that is no time');
    this.present = new Date(answer.data.now);
    this.changed = { redcap: answer.data.changedAt, texts: answer.data.textedAt };
  }

  outsideChangedAt(where: Outside = 'redcap'): Date | null {
    const at = this.changed[where];
    return at === null ? null : new Date(at);
  }
}

function unreachable(why: string): StudybridgeError {
  return new StudybridgeError(`The clock of the study’s world cannot be read: ${why}.`, {
    code: 'CLOCK_UNREACHABLE',
    errorClass: 'dependency',
    remedy: 'Start the sandbox, or correct STUDY_CLOCK_URL, or remove it to run on real time.',
  });
}
